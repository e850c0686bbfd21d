"""Facts 54 to 66: permanent, transient and temporary children (OTP's supervisor suite)."""

from __future__ import annotations

import gc
import weakref

import pytest

from actors.reasons import KILLED, NORMAL, SHUTDOWN, Closed
from supervision.dynamic import DynamicSupervisor
from supervision.supervisor import Supervisor
from tests.supervision.family import (
    ABNORMAL,
    CLEAN,
    DETAILED,
    Starter,
    Worker,
    child,
    end,
    ids_of,
    kill,
    ref_of,
    refs_of,
    stop,
)


def one(restart, kind=Supervisor):
    """A supervisor with one child, and the child's ref."""
    supervisor = kind.start()
    return supervisor, supervisor.start_child(child("c", restart=restart))


def is_restarted(supervisor, ref):
    refs = refs_of(supervisor)
    assert len(refs) == 1
    assert refs[0].exit_reason is None
    assert refs[0] is not ref
    return True


BOTH = pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])


@BOTH
def test_f54_permanent_child_is_restarted_after_a_normal_end(kind):
    supervisor, ref = one("permanent", kind)
    end(ref, NORMAL)
    assert is_restarted(supervisor, ref)


@BOTH
@pytest.mark.parametrize("reason", [SHUTDOWN, DETAILED])
def test_f55_permanent_child_is_restarted_after_shutdown(kind, reason):
    supervisor, ref = one("permanent", kind)
    end(ref, reason)
    assert is_restarted(supervisor, ref)


@BOTH
@pytest.mark.parametrize("reason", [ABNORMAL, ValueError("crash")])
def test_f56_permanent_child_is_restarted_after_an_abnormal_end(kind, reason):
    supervisor, ref = one("permanent", kind)
    end(ref, reason)
    assert is_restarted(supervisor, ref)


def test_f57_transient_child_is_not_restarted_after_a_normal_end():
    supervisor, ref = one("transient")
    end(ref, NORMAL)
    assert supervisor.which_child("c").ref is None
    assert ref_of(supervisor, "c") is None


@pytest.mark.parametrize("reason", [*CLEAN, Closed()])
def test_f58_transient_child_is_kept_stopped_after_a_clean_end(reason):
    supervisor, ref = one("transient")
    end(ref, reason)
    assert ref_of(supervisor, "c") is None
    assert supervisor.count_children() == (1, 0, 0, 1)
    again = supervisor.restart_child("c")
    assert again is not ref
    assert ref_of(supervisor, "c") is again


@pytest.mark.parametrize("reason", CLEAN)
def test_f58_transient_child_is_forgotten_by_a_dynamic_supervisor(reason):
    supervisor, ref = one("transient", DynamicSupervisor)
    end(ref, reason)
    assert supervisor.which_children() == []


@BOTH
@pytest.mark.parametrize("reason", [ABNORMAL, ValueError("crash"), KILLED])
def test_f59_transient_child_is_restarted_after_an_abnormal_end_or_a_kill(kind, reason):
    supervisor, ref = one("transient", kind)
    if reason == KILLED:
        kill(ref)
    else:
        end(ref, reason)
    assert is_restarted(supervisor, ref)


@BOTH
def test_f60_temporary_child_is_never_restarted_even_after_a_kill(kind):
    supervisor, ref = one("temporary", kind)
    kill(ref)
    assert supervisor.which_children() == []


@BOTH
def test_f61_temporary_child_is_gone_after_a_normal_end(kind):
    supervisor, ref = one("temporary", kind)
    end(ref, NORMAL)
    assert supervisor.which_children() == []


@BOTH
@pytest.mark.parametrize("reason", [SHUTDOWN, DETAILED])
def test_f62_temporary_child_is_gone_after_shutdown(kind, reason):
    supervisor, ref = one("temporary", kind)
    end(ref, reason)
    assert supervisor.which_children() == []


@BOTH
@pytest.mark.parametrize("reason", [ABNORMAL, ValueError("crash")])
def test_f63_temporary_child_is_gone_after_an_abnormal_end(kind, reason):
    supervisor, ref = one("temporary", kind)
    end(ref, reason)
    assert supervisor.which_children() == []


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_f64_temporary_bystander_is_stopped_for_good(strategy):
    supervisor = Supervisor.start(
        [child("p"), child("t", restart="temporary"), child("last")], strategy=strategy
    )
    bystander = ref_of(supervisor, "t")
    end(ref_of(supervisor, "p"))
    assert ids_of(supervisor) == ["p", "last"]
    assert bystander.exit_reason == SHUTDOWN
    assert all(ref.exit_reason is None for ref in refs_of(supervisor))
    assert stop(supervisor) == SHUTDOWN


class Big:
    """50 kB that somebody started a child with."""

    def __init__(self):
        self.payload = bytes(50_000)


@BOTH
@pytest.mark.parametrize(("restart", "retained"), [("temporary", False), ("permanent", True)])
def test_f65_what_a_temporary_child_was_started_with_is_not_retained(kind, restart, retained):
    supervisor, big = kind.start(), Big()
    supervisor.start_child(child("c", lambda _: Worker.start(), args=(big,), restart=restart))
    watch = weakref.ref(big)
    del big
    gc.collect()
    assert (watch() is not None) == retained


@pytest.mark.parametrize("how", ["kill", "normal", "abnormal", "terminate_child"])
@pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
def test_f66_spec_of_a_temporary_child_can_be_used_again_at_once(kind, how):
    supervisor, starter = kind.start(), Starter()
    spec = child("c", starter, args=("name",), restart="temporary")
    ref = supervisor.start_child(spec)
    if how == "kill":
        kill(ref)
    elif how == "terminate_child":
        supervisor.terminate_child("c" if kind is Supervisor else ref)
    else:
        end(ref, NORMAL if how == "normal" else ABNORMAL)
    again = supervisor.start_child(spec)
    assert again is not ref
    assert refs_of(supervisor) == [again]
