"""Facts 1 to 18: how a supervisor and its children start (OTP's supervisor suite)."""

from __future__ import annotations

import traceback

import pytest

from actors.errors import SupervisionError
from actors.reasons import KILLED, NORMAL, SHUTDOWN, Crash, FailedToStart
from actors.runtime import StartError, registry
from supervision.dynamic import DynamicSupervisor
from supervision.specs import IGNORE, Flags, child_specs
from supervision.supervisor import Supervisor
from tests.supervision.family import Starter, Worker, child, ids_of, refs_of, stop

BOTH = pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])


def failing() -> Starter:
    starter = Starter()
    starter.always = OSError("no")
    return starter


def junk(answer: object) -> Starter:
    starter = Starter()
    starter.always = answer
    return starter


@BOTH
def test_f01_empty_supervisor_starts_and_stops_with_shutdown(kind):
    supervisor = kind.start()
    assert supervisor.which_children() == []
    assert stop(supervisor) == SHUTDOWN


@BOTH
def test_f02_init_that_ignores_is_no_error_of_anybody(kind):
    """Port: ``start`` has no other answer than a ref, so it raises, with the clean NORMAL."""

    class Ignoring(kind):
        def init(self):
            return IGNORE

    before = registry.count()
    with pytest.raises(StartError) as caught:
        Ignoring.start()
    assert caught.value.reason == NORMAL
    assert registry.count() == before


@BOTH
@pytest.mark.parametrize("garbage", [None, "junk", 7, ("one",), (1, 2, 3)])
def test_f03_init_that_answers_garbage_is_a_bad_return(kind, garbage):
    class Garbage(kind):
        def init(self):
            return garbage

    before = registry.count()
    with pytest.raises(StartError) as caught:
        Garbage.start()
    assert caught.value.reason.exception.reason == "bad_return"
    assert registry.count() == before


@BOTH
def test_f04_init_that_raises_gives_its_reason_and_stack(kind):
    class Raising(kind):
        def init(self):
            raise ZeroDivisionError("in init")

    with pytest.raises(StartError) as caught:
        Raising.start()
    reason = caught.value.reason
    assert isinstance(reason, Crash)
    assert isinstance(reason.exception, ZeroDivisionError)
    assert traceback.extract_tb(reason.exception.__traceback__)[-1].name == "init"


def test_f05_permanent_child_that_ignores_is_kept_without_a_ref():
    supervisor = Supervisor.start([child("runs")])
    assert supervisor.start_child(child("ignores", lambda: IGNORE)) is None
    assert supervisor.which_child("ignores").ref is None
    counts = supervisor.count_children()
    assert (counts.specs, counts.active) == (2, 1)


def test_f05_an_actor_ignores_by_leaving_normally_in_on_start():
    class Ignoring(Worker):
        def on_start(self):
            self.exit_self(NORMAL)

    supervisor = Supervisor.start([Ignoring])
    assert supervisor.which_child(Ignoring).ref is None


def test_f06_temporary_child_that_ignores_at_init_is_not_kept():
    supervisor = Supervisor.start([child("ignores", lambda: IGNORE, restart="temporary")])
    assert supervisor.which_children() == []


def test_f07_temporary_child_that_ignores_in_start_child_is_not_kept():
    supervisor = Supervisor.start()
    spec = child("ignores", lambda: IGNORE, restart="temporary")
    assert supervisor.start_child(spec) is None
    assert supervisor.which_children() == []


def test_f08_temporary_child_that_ignores_under_a_dynamic_supervisor_leaves_no_entry():
    supervisor = DynamicSupervisor.start()
    spec = child("ignores", lambda: IGNORE, restart="temporary")
    assert supervisor.start_child(spec) is None
    assert supervisor.which_children() == []


def test_f09_permanent_child_that_ignores_under_a_dynamic_supervisor_leaves_no_entry():
    supervisor = DynamicSupervisor.start()
    assert supervisor.start_child(child("ignores", lambda: IGNORE)) is None
    assert supervisor.count_children() == (0, 0, 0, 0)
    assert stop(supervisor) == SHUTDOWN


def test_f10_restart_child_that_fails_leaves_the_entry_stopped():
    starter = Starter()
    supervisor = Supervisor.start([child("c", starter)])
    supervisor.terminate_child("c")
    starter.failures = [OSError("no")]
    with pytest.raises(SupervisionError) as caught:
        supervisor.restart_child("c")
    assert caught.value.reason == "failed_to_start_child"
    assert isinstance(caught.value.detail.exception, OSError)
    assert supervisor.which_child("c").ref is None
    assert supervisor.restart_child("c") is starter.ref


@pytest.mark.parametrize("starter", [failing(), junk("junk"), junk((1, 2)), junk(0)])
def test_f11_start_child_that_fails_saves_nothing(starter):
    supervisor = Supervisor.start()
    with pytest.raises(SupervisionError) as caught:
        supervisor.start_child(child("c", starter))
    assert caught.value.reason == "failed_to_start_child"
    assert supervisor.which_children() == []


@pytest.mark.parametrize("starter", [failing(), junk("junk"), junk((1, 2)), junk(0)])
def test_f12_start_child_that_fails_saves_nothing_under_a_dynamic_supervisor(starter):
    supervisor = DynamicSupervisor.start()
    with pytest.raises(SupervisionError) as caught:
        supervisor.start_child(child("c", starter))
    assert caught.value.reason == "failed_to_start_child"
    assert supervisor.which_children() == []


def test_f13_defaults_are_visible():
    supervisor = Supervisor.start([child("w"), child("s", Supervisor.start, type="supervisor")])
    worker, inner = supervisor.get_childspec("w"), supervisor.get_childspec("s")
    assert (worker.restart, worker.shutdown, worker.type) == ("permanent", 5.0, "worker")
    assert (inner.restart, inner.shutdown, inner.type) == ("permanent", None, "supervisor")
    assert not worker.significant


@BOTH
def test_f14_spec_of_an_unknown_child_is_not_found(kind):
    with pytest.raises(SupervisionError) as caught:
        kind.start().get_childspec("nobody")
    assert caught.value.reason == "not_found"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"start": Worker.start}, "missing_id"),
        ({"id": "c"}, "missing_start"),
        ("no spec", "invalid_child_spec"),
        (7, "invalid_child_spec"),
    ],
)
def test_f15_what_is_no_spec_is_refused_by_name(given, reason):
    supervisor = Supervisor.start()
    with pytest.raises(SupervisionError) as caught:
        supervisor.start_child(given)
    assert caught.value.reason == reason
    with pytest.raises(SupervisionError) as caught:
        child_specs([given])
    assert caught.value.reason == reason


def test_f15_a_silly_key_is_tolerated():
    supervisor = Supervisor.start([{"id": "c", "start": Worker.start, "silly": True}])
    assert ids_of(supervisor) == ["c"]


@pytest.mark.parametrize("fails_at", [1, 2, 4, 5])
def test_f16_child_that_fails_has_those_before_it_stopped_in_reverse(fails_at):
    journal = []
    children = [child(n, args=(n, journal)) for n in range(1, 6)]
    children[fails_at - 1] = child(fails_at, failing())
    before = registry.count()
    with pytest.raises(StartError) as caught:
        Supervisor.start(children)
    started = list(range(1, fails_at))
    assert journal == [
        *[("start", n) for n in started],
        *[("stop", n) for n in reversed(started)],
    ]
    assert isinstance(caught.value.reason, FailedToStart)
    assert caught.value.reason.child == fails_at
    assert caught.value.reason.clean
    assert registry.count() == before


def test_f17_root_cause_surfaces_through_all_layers():
    root = failing()

    class Inner(Supervisor):
        def init(self):
            return Flags(), [child("leaf", root)]

    class Middle(Supervisor):
        def init(self):
            return Flags(), [Inner]

    with pytest.raises(StartError) as caught:
        Supervisor.start([Middle])
    found = caught.value.reason
    path = []
    while isinstance(found, FailedToStart):
        path.append(found.child)
        found = found.reason
    assert path == [Middle, Inner, "leaf"]
    assert found == Crash(root.always)


@BOTH
def test_f18_name_that_an_outsider_holds_is_already_started_with_it(kind):
    """Port: a start function that finds its place taken says so; of names see ``test_names``."""
    outsider = Worker.start()

    def register():
        raise SupervisionError("already_started", outsider)

    class Named(Worker):
        def on_start(self):
            register()

    supervisor = kind.start()
    for start in (register, Named.start):
        with pytest.raises(SupervisionError) as caught:
            supervisor.start_child(child("c", start))
        assert caught.value.reason == "already_started"
        assert caught.value.detail is outsider
    assert outsider.ask("still here") == "still here"
    assert refs_of(supervisor) == []
    assert outsider.exit_reason is None
    assert stop(supervisor) != KILLED
