"""Facts 67 to 79: strategies, intensity and trees (OTP's supervisor suite)."""

from __future__ import annotations

import gevent
import pytest

from actors.errors import SupervisionError
from actors.reasons import KILLED, SHUTDOWN
from actors.runtime import registry
from supervision.dynamic import DynamicSupervisor
from supervision.plan import RESTARTING
from supervision.specs import IGNORE, Flags
from supervision.supervisor import Supervisor
from tests.supervision.family import (
    DEADLINE,
    Starter,
    Worker,
    actor_of,
    child,
    end,
    ended,
    ids_of,
    kill,
    queued,
    ref_of,
    refs_of,
    stop,
)


def three(strategy, *starters, **flags):
    """A supervisor with the children 1, 2 and 3; ``starters`` are their start functions."""
    starts = [*starters, *[Worker.start] * (3 - len(starters))]
    return Supervisor.start(
        [child(n, start) for n, start in enumerate(starts, 1)], strategy=strategy, **flags
    )


def settled(supervisor):
    """The children's refs when no attempt is due any more: each call lets one go first."""
    for _ in range(10):
        refs = refs_of(supervisor)
        if RESTARTING not in refs:
            return refs
    raise AssertionError(refs)


def test_f67_one_for_one_leaves_siblings_alone():
    supervisor = three("one_for_one")
    first, second, third = refs_of(supervisor)
    end(second)
    after = refs_of(supervisor)
    assert (after[0], after[2]) == (first, third)
    assert after[1] is not second
    assert after[1].exit_reason is None


@pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
def test_f68_third_crash_of_intensity_2_ends_the_supervisor(kind):
    starter, bystander = Starter(), Starter()
    supervisor = kind.start(intensity=2)
    supervisor.start_child(child("c", starter))
    supervisor.start_child(child("b", bystander))
    for crashes in (1, 2):
        end(starter.ref)
        assert supervisor.count_children().active == 2
        assert len(starter.refs) == crashes + 1
    end(starter.ref)
    assert ended(supervisor) == SHUTDOWN
    assert ended(bystander.ref) == SHUTDOWN
    assert len(starter.refs) == 3


@pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
def test_f68_intensity_0_makes_the_first_crash_fatal(kind):
    supervisor = kind.start(intensity=0)
    end(supervisor.start_child(Worker))
    assert ended(supervisor) == SHUTDOWN


@pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
def test_f69_deaths_further_apart_than_the_period_never_end_it(kind):
    now = [1000.0]

    class Timed(kind):
        def clock(self):
            return now[0]

    starter = Starter()
    supervisor = Timed.start(intensity=1, period=1.0)
    supervisor.start_child(child("c", starter))
    for _ in range(10):
        end(starter.ref)
        assert supervisor.count_children().active == 1
        now[0] += 2.1
    end(starter.ref)
    end_at_the_edge = now[0] + 1.0
    assert supervisor.count_children().active == 1
    now[0] = end_at_the_edge
    end(starter.ref)
    assert ended(supervisor) == SHUTDOWN


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_f70_start_that_fails_again_and_again_burns_the_budget(strategy):
    starter = Starter()
    supervisor = three(strategy, Starter(), starter, intensity=5)
    siblings = refs_of(supervisor)
    starter.always = OSError("never again")
    end(starter.ref)
    assert ended(supervisor) == SHUTDOWN
    assert [ended(ref).clean for ref in (siblings[0], siblings[2])] == [True, True]


def test_f71_one_for_all_leaves_no_old_child():
    supervisor = three("one_for_all")
    before = refs_of(supervisor)
    end(before[1])
    after = refs_of(supervisor)
    assert set(after).isdisjoint(before)
    assert [ref.exit_reason for ref in after] == [None, None, None]


def test_f72_one_for_all_repeats_the_round_when_a_child_refuses():
    first, second = Starter(), Starter()
    supervisor = three("one_for_all", first, second, intensity=5)
    second.failures = [OSError("no"), OSError("no")]
    end(refs_of(supervisor)[2])
    assert [ref.exit_reason for ref in settled(supervisor)] == [None, None, None]
    assert [ref.exit_reason for ref in first.refs] == [SHUTDOWN, SHUTDOWN, SHUTDOWN, None]
    assert len(second.refs) == 2


def test_f73_rest_for_one_retries_only_the_child_that_refuses():
    first, second = Starter(), Starter()
    supervisor = three("rest_for_one", first, second, intensity=5)
    second.failures = [OSError("no"), OSError("no")]
    end(first.ref)
    assert [ref.exit_reason for ref in settled(supervisor)] == [None, None, None]
    assert len(first.refs) == 2
    assert len(second.refs) == 2


def test_f74_dynamic_child_that_ignores_its_restart_is_removed():
    starter = Starter()
    supervisor = DynamicSupervisor.start()
    ref = supervisor.start_child(child("c", starter))
    starter.always = IGNORE
    end(ref)
    assert supervisor.which_children() == []
    assert supervisor.count_children() == (0, 0, 0, 0)


def test_f75_crash_of_a_worker_stays_in_its_subtree():
    supervisor = Supervisor.start([child("other"), child("tree", three, args=("one_for_one",))])
    other, tree = refs_of(supervisor)
    end(ref_of(tree, 1))
    assert len(refs_of(tree)) == 3
    assert refs_of(supervisor) == [other, tree]


def test_f75_subtree_that_gives_up_restarts_static_children_alone():
    class Subtree(Supervisor):
        def init(self):
            return Flags(intensity=0), [child("leaf")]

    supervisor = Supervisor.start([child("sibling"), Subtree], strategy="one_for_all")
    sibling, tree = refs_of(supervisor)
    tree.start_child(child("added", restart="temporary"))
    end(ref_of(tree, "leaf"))
    assert ended(tree) == SHUTDOWN
    after = refs_of(supervisor)
    assert sibling not in after
    assert tree not in after
    assert ids_of(after[1]) == ["leaf"]


def hang(supervisor, starter):
    """Bring a supervisor into a loop of restarts that fail; it waits in the first of them."""
    starter.hang()
    end(starter.ref)
    starter.wait_until_entered()


def answered(supervisor, starter, *call):
    """Ask while an attempt is under way, let it fail, and have the answer before the next."""
    future = queued(supervisor, *call)
    starter.permits.release()
    answer = future.get(timeout=DEADLINE)
    starter.wait_until_entered()
    return answer.reason if isinstance(answer, SupervisionError) else answer


def hanging_loop(strategy):
    starter = Starter()
    supervisor = Supervisor.start(
        [child("a"), child("hangs", starter), child("z")], strategy=strategy, intensity=100
    )
    hang(supervisor, starter)
    return supervisor, starter


def check_hanging_loop(strategy):
    supervisor, starter = hanging_loop(strategy)
    ask = [supervisor, starter]
    assert answered(*ask, "start_child", child("hangs")) == "already_present"
    assert answered(*ask, "restart_child", "hangs") == "restarting"
    assert answered(*ask, "delete_child", "hangs") == "restarting"
    assert answered(*ask, "which_child", "hangs").ref == RESTARTING
    future = queued(supervisor, "terminate_child", "hangs")
    starter.permits.release()
    assert future.get(timeout=DEADLINE) is None
    assert ref_of(supervisor, "hangs") is None
    starter.gated, starter.always = False, None
    assert supervisor.restart_child("hangs") is starter.ref


def check_stop_within_the_loop(supervisor, starter):
    supervisor.exit()
    starter.permits.release()
    assert ended(supervisor) == SHUTDOWN


def test_f76_supervisor_in_a_loop_of_failing_restarts_still_serves():
    check_hanging_loop("one_for_one")
    check_stop_within_the_loop(*hanging_loop("one_for_one"))


def test_f76_supervisor_in_a_loop_can_be_killed_within_an_attempt():
    supervisor, _ = hanging_loop("one_for_one")
    kill(supervisor)
    gevent.idle()
    assert registry.get_by_class(Worker) == []


@pytest.mark.parametrize("strategy", ["rest_for_one", "one_for_all"])
def test_f77_so_it_does_when_others_are_restarted_along(strategy):
    check_hanging_loop(strategy)
    check_stop_within_the_loop(*hanging_loop(strategy))


def test_f78_so_does_a_dynamic_supervisor():
    supervisor, starter = DynamicSupervisor.start(intensity=100), Starter()
    ref = supervisor.start_child(child("hangs", starter))
    hang(supervisor, starter)
    ask = [supervisor, starter]
    other = answered(*ask, "start_child", child("another"))
    assert other.exit_reason is None
    assert answered(*ask, "restart_child", ref) == "simple_one_for_one"
    assert answered(*ask, "delete_child", ref) == "simple_one_for_one"
    assert answered(*ask, "which_child", ref).ref == RESTARTING
    future = queued(supervisor, "terminate_child", ref)
    starter.permits.release()
    assert future.get(timeout=DEADLINE) is None
    assert refs_of(supervisor) == [other]

    again = Starter()
    supervisor.start_child(child("hangs", again))
    hang(supervisor, again)
    check_stop_within_the_loop(supervisor, again)


class Named(Worker):
    """Holds a name from its start to its end, however it ends."""

    names: dict = {}

    def on_start(self):
        if self.name in self.names:
            raise SupervisionError("already_started", self.names[self.name])
        self.names[self.name] = self.actor_ref

    def terminate(self, reason):
        del self.names[self.name]

    on_killed = lambda self: self.terminate(KILLED)  # noqa: E731 - a kill runs no terminate


def test_f79_killed_supervisor_is_restarted_with_its_worker():
    inner = child("tree", Supervisor.start, args=([child("w", Named.start, args=("n",))],))
    supervisor = Supervisor.start([inner])
    tree = ref_of(supervisor, "tree")
    worker = ref_of(tree, "w")
    kill(tree)
    assert worker.exit_reason == KILLED
    again = ref_of(supervisor, "tree")
    assert again is not tree
    assert ref_of(again, "w") is not worker
    assert Named.names == {"n": ref_of(again, "w")}
    assert actor_of(again).exit_reason is None
    assert stop(supervisor) == SHUTDOWN
    assert Named.names == {}
