"""Facts 19 to 29: how children are stopped, and in which order (OTP's supervisor suite)."""

from __future__ import annotations

import time

import pytest

from actors.reasons import KILLED, NORMAL, SHUTDOWN
from supervision.dynamic import DynamicSupervisor
from supervision.supervisor import Supervisor
from tests.supervision.family import (
    ABNORMAL,
    DEADLINE,
    DETAILED,
    Lingering,
    OwnWay,
    Worker,
    actor_of,
    block,
    child,
    ended,
    kill,
    ref_of,
    refs_of,
    stop,
)

SHORT = 0.05
OWN_REASONS = [NORMAL, SHUTDOWN, DETAILED, ABNORMAL]


def test_f19_no_bound_waits_as_long_as_a_worker_takes():
    supervisor = Supervisor.start([child("w", Lingering.start, shutdown=None)])
    worker = ref_of(supervisor, "w")
    supervisor.exit()
    assert actor_of(worker).entered.wait(DEADLINE)
    assert not supervisor.wait(SHORT)
    actor_of(worker).release.set()
    assert ended(supervisor) == SHUTDOWN
    assert worker.exit_reason == SHUTDOWN


def test_f19_no_bound_waits_for_a_whole_tree():
    inner = child("s", Supervisor.start, args=([child("w", Lingering.start)],), type="supervisor")
    supervisor = Supervisor.start([inner])
    tree = ref_of(supervisor, "s")
    worker = ref_of(tree, "w")
    supervisor.exit()
    assert actor_of(worker).entered.wait(DEADLINE)
    actor_of(worker).release.set()
    assert ended(supervisor) == SHUTDOWN
    assert (tree.exit_reason, worker.exit_reason) == (SHUTDOWN, SHUTDOWN)


def test_f20_child_that_does_not_end_in_time_is_killed_and_no_other():
    supervisor = Supervisor.start([child(1), child(2, shutdown=SHORT), child(3)])
    first, sleeper, last = refs_of(supervisor)
    block(sleeper)
    assert stop(supervisor) == SHUTDOWN
    assert (first.exit_reason, sleeper.exit_reason, last.exit_reason) == (
        SHUTDOWN,
        KILLED,
        SHUTDOWN,
    )


def test_f21_dynamic_child_that_does_not_end_in_time_is_killed_and_no_other():
    supervisor = DynamicSupervisor.start()
    refs = [supervisor.start_child(child("c", shutdown=limit)) for limit in (5, SHORT, 5)]
    block(refs[1])
    assert stop(supervisor) == SHUTDOWN
    assert [ref.exit_reason for ref in refs] == [SHUTDOWN, KILLED, SHUTDOWN]


def test_f22_shutdown_0_kills_while_siblings_are_asked():
    supervisor = Supervisor.start([child(1), child(2, shutdown=0), child(3)])
    refs = refs_of(supervisor)
    assert stop(supervisor) == SHUTDOWN
    assert [ref.exit_reason for ref in refs] == [SHUTDOWN, KILLED, SHUTDOWN]


def test_f23_ten_dynamic_children_with_shutdown_0_are_all_killed():
    supervisor = DynamicSupervisor.start()
    refs = [supervisor.start_child(child("c", shutdown=0)) for _ in range(10)]
    assert stop(supervisor) == SHUTDOWN
    assert [ref.exit_reason for ref in refs] == [KILLED] * 10


@pytest.mark.parametrize("trigger", ["told just before", "asked to stop"])
def test_f24_children_that_end_by_themselves_during_the_stop_keep_their_reasons(trigger):
    kinds = [
        (restart, reason)
        for restart in ("permanent", "transient", "temporary")
        for reason in OWN_REASONS
    ]
    supervisor = Supervisor.start(
        [
            child(n, OwnWay.start, args=(reason,), restart=restart)
            for n, (restart, reason) in enumerate(kinds)
        ]
    )
    refs = refs_of(supervisor)
    if trigger == "told just before":
        for ref, (_, reason) in zip(refs, kinds, strict=True):
            ref.tell(reason)
    assert stop(supervisor) == SHUTDOWN
    assert [ref.exit_reason for ref in refs] == [reason for _, reason in kinds]


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
@pytest.mark.parametrize("trigger", ["told just before", "asked to stop"])
def test_f25_dynamic_children_that_end_by_themselves_keep_their_reasons(restart, trigger):
    supervisor = DynamicSupervisor.start()
    refs = [
        supervisor.start_child(child("c", OwnWay.start, args=(reason,), restart=restart))
        for reason in OWN_REASONS
    ]
    if trigger == "told just before":
        for ref, reason in zip(refs, OWN_REASONS, strict=True):
            ref.tell(reason)
    assert stop(supervisor) == SHUTDOWN
    assert [ref.exit_reason for ref in refs] == OWN_REASONS


def test_f26_dynamic_children_are_stopped_at_the_same_time_under_one_deadline():
    """Port: that all of them are ending before any has ended shows what OTP's sleeps measure."""
    limit = 1.5
    supervisor = DynamicSupervisor.start()
    spec = child("c", Lingering.start, shutdown=limit)
    quick, second, never, neither = [supervisor.start_child(spec) for _ in range(4)]
    began = time.monotonic()
    supervisor.exit()
    for ref in (quick, second, never, neither):
        assert actor_of(ref).entered.wait(DEADLINE)
    actor_of(quick).release.set()
    actor_of(second).release.set()
    assert ended(supervisor) == SHUTDOWN
    assert limit <= time.monotonic() - began < 2 * limit
    assert [ref.exit_reason for ref in (quick, second)] == [SHUTDOWN, SHUTDOWN]
    assert [ref.exit_reason for ref in (never, neither)] == [KILLED, KILLED]


def test_f26_each_shutdown_value_has_its_own_deadline():
    supervisor = DynamicSupervisor.start()
    short = supervisor.start_child(child("c", Lingering.start, shutdown=SHORT))
    long = supervisor.start_child(child("c", Lingering.start, shutdown=None))
    at_once = supervisor.start_child(child("c", Lingering.start, shutdown=0))
    supervisor.exit()
    assert ended(at_once) == KILLED
    assert ended(short) == KILLED
    assert long.exit_reason is None
    actor_of(long).release.set()
    assert ended(supervisor) == SHUTDOWN
    assert long.exit_reason == SHUTDOWN


@pytest.mark.parametrize("shutdown", [0, SHORT, None])
def test_f27_child_that_tells_nobody_of_its_end_cannot_hang_terminate_child(shutdown):
    """Port: there are no links to cut; the child cuts its supervisor's monitor instead."""

    class Naughty(Worker):
        def on_receive(self, message):
            assert self.actor_inbox.monitors.watchers
            self.actor_inbox.monitors = None

    supervisor = Supervisor.start([child("c", Naughty.start, shutdown=shutdown)])
    ref = ref_of(supervisor, "c")
    ref.ask("cut it", timeout=DEADLINE)
    supervisor.terminate_child("c")
    assert ref.exit_reason is not None
    assert supervisor.which_child("c").ref is None
    assert actor_of(supervisor).actor_inbox.empty()


def test_f28_stop_order_is_the_exact_reverse_of_the_start_order():
    journal, ids = [], ["ch7", "ch3", "ch10", "ch2", "ch5"]
    supervisor = Supervisor.start([child(n, args=(n, journal)) for n in ids])
    assert journal == [("start", n) for n in ids]
    journal.clear()
    stop(supervisor)
    assert journal == [("stop", n) for n in reversed(ids)]


def test_f29_rest_for_one_stops_and_starts_what_came_after():
    journal = []
    supervisor = Supervisor.start(
        [child(n, args=(n, journal)) for n in range(1, 6)], strategy="rest_for_one"
    )
    before = refs_of(supervisor)
    journal.clear()
    kill(before[2])
    after = refs_of(supervisor)
    assert journal == [("stop", 5), ("stop", 4), ("start", 3), ("start", 4), ("start", 5)]
    assert after[:2] == before[:2]
    assert set(after[2:]).isdisjoint(before)
