"""Facts 80 to 87: significant children and auto_shutdown (OTP's supervisor suite)."""

from __future__ import annotations

import pytest

from actors.errors import SupervisionError
from actors.reasons import NORMAL, SHUTDOWN
from actors.runtime import StartError
from supervision.dynamic import DynamicSupervisor
from supervision.specs import DynamicFlags, child_specs
from supervision.supervisor import Supervisor
from tests.supervision.family import (
    ABNORMAL,
    DETAILED,
    Starter,
    child,
    end,
    ended,
    ids_of,
    kill,
    ref_of,
    refs_of,
)

MODES = ["never", "any_significant", "all_significant"]


def significant(child_id, *start, restart="temporary"):
    return child(child_id, *start, restart=restart, significant=True)


def ends_by(ref, how):
    if how == "kill":
        kill(ref)
    else:
        end(ref, how)


@pytest.mark.parametrize("restart", ["temporary", "transient"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("how", [NORMAL, SHUTDOWN, DETAILED, ABNORMAL])
def test_f80_end_of_a_child_that_is_not_significant_ends_nothing(restart, mode, how):
    supervisor = Supervisor.start([child("c", restart=restart), child("d")], auto_shutdown=mode)
    end(ref_of(supervisor, "c"), how)
    assert "d" in ids_of(supervisor)
    assert supervisor.exit_reason is None


@pytest.mark.parametrize("how", ["kill", ABNORMAL, NORMAL])
def test_f81_any_significant_ends_all_when_a_temporary_one_ends(how):
    supervisor = Supervisor.start(
        [child("c"), significant("s"), significant("t")], auto_shutdown="any_significant"
    )
    bystander, ref, other = refs_of(supervisor)
    ends_by(ref, how)
    assert ended(supervisor) == SHUTDOWN
    assert (ended(bystander), ended(other)) == (SHUTDOWN, SHUTDOWN)


@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
def test_f82_terminate_child_of_a_significant_child_ends_nothing(mode):
    supervisor = Supervisor.start([child("c"), significant("s")], auto_shutdown=mode)
    supervisor.terminate_child("s")
    assert ids_of(supervisor) == ["c"]


@pytest.mark.parametrize("how", ["kill", ABNORMAL, NORMAL])
def test_f83_all_significant_waits_for_the_last(how):
    supervisor = Supervisor.start(
        [child("c"), significant("s"), significant("t")], auto_shutdown="all_significant"
    )
    _, first, last = refs_of(supervisor)
    ends_by(first, how)
    assert ids_of(supervisor) == ["c", "t"]
    ends_by(last, how)
    assert ended(supervisor) == SHUTDOWN


def test_f83_child_that_is_being_restarted_has_not_ended():
    starter = Starter()
    supervisor = Supervisor.start(
        [significant("r", starter, restart="transient"), significant("t")],
        auto_shutdown="all_significant",
        intensity=100,
    )
    temporary = ref_of(supervisor, "t")
    starter.failures = [OSError("not yet")]
    starter.gated = True
    starter.ref.tell(ABNORMAL)
    starter.wait_until_entered()
    temporary.tell(NORMAL)  # is noticed while the other one is between two attempts
    assert ended(temporary) == NORMAL
    starter.permits.release()
    starter.permits.release()
    starter.wait_until_entered()
    assert ids_of(supervisor) == ["r"]


@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
def test_f84_transient_significant_child_ends_all_only_by_a_clean_end(mode):
    starter = Starter()
    supervisor = Supervisor.start(
        [child("c"), significant("s", starter, restart="transient")], auto_shutdown=mode
    )
    kill(starter.ref)
    assert supervisor.count_children().active == 2
    end(starter.ref)
    assert supervisor.count_children().active == 2
    assert len(starter.refs) == 3
    end(starter.ref, NORMAL)
    assert ended(supervisor) == SHUTDOWN


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
@pytest.mark.parametrize("restart", ["temporary", "transient"])
@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
def test_f85_significant_bystander_of_a_restart_ends_nothing(strategy, restart, mode):
    supervisor = Supervisor.start(
        [child("c"), significant("s", restart=restart)], strategy=strategy, auto_shutdown=mode
    )
    end(ref_of(supervisor, "c"))
    assert ids_of(supervisor) == (["c"] if restart == "temporary" else ["c", "s"])
    assert all(ref.exit_reason is None for ref in refs_of(supervisor))


@pytest.mark.parametrize("inner_is_significant", [True, False])
def test_f86_auto_shutdown_goes_up_only_through_significant_supervisors(inner_is_significant):
    def inner():
        return Supervisor.start([significant("leaf")], auto_shutdown="any_significant")

    spec = child(
        "tree",
        inner,
        type="supervisor",
        restart="transient",
        significant=inner_is_significant,
    )
    outer = Supervisor.start([child("c"), spec], auto_shutdown="any_significant")
    tree = ref_of(outer, "tree")
    end(ref_of(tree, "leaf"), NORMAL)
    assert ended(tree) == SHUTDOWN
    if inner_is_significant:
        assert ended(outer) == SHUTDOWN
    else:
        assert outer.which_child("tree").ref is None
        assert outer.count_children() == (2, 1, 1, 1)


def test_f87_significant_and_permanent_is_a_bad_combination():
    with pytest.raises(SupervisionError) as caught:
        significant("s", restart="permanent")
    assert caught.value.reason == "bad_combination"


def test_f87_significant_under_never_is_a_bad_combination():
    spec = significant("s")
    with pytest.raises(StartError) as started:
        Supervisor.start([spec])
    assert started.value.reason.exception.reason == "bad_combination"
    supervisor = Supervisor.start()
    with pytest.raises(SupervisionError) as caught:
        supervisor.start_child(spec)
    assert caught.value.reason == "bad_combination"
    with pytest.raises(SupervisionError) as checked:
        child_specs([spec], "never")
    assert checked.value.reason == "bad_combination"
    assert child_specs([spec], "any_significant") == child_specs([spec]) == [spec]


def test_f87_dynamic_supervisors_have_neither():
    with pytest.raises(SupervisionError) as caught:
        DynamicFlags(auto_shutdown="any_significant")
    assert caught.value.reason == "bad_combination"
    with pytest.raises(SupervisionError) as caught:
        DynamicSupervisor.start().start_child(significant("s"))
    assert caught.value.reason == "bad_combination"
