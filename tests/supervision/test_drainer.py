"""The drainer: whom it tells, when, and what it does with those who do not end."""

from __future__ import annotations

import logging
import time
from itertools import pairwise

import pytest
from gevent.event import Event

from actors import telemetry
from actors.reasons import KILLED, SHUTDOWN, Shutdown
from actors.runtime import Actor
from supervision import ChildSpec, Supervisor
from supervision.drainer import Drainer, Drainers, drainer_spec, live
from supervision.draining import DrainOptions
from tests.supervision.family import DEADLINE, actor_of, ended, kill, stop
from tests.support.waiting import eventually

RESTART = Shutdown("restart")


class Connection(Actor):
    """What is drained. ``gate``: its end waits for that."""

    def __init__(self, gate=None):
        super().__init__()
        self.gate = gate
        self.told = None

    def terminate(self, reason):
        self.told = (reason, time.monotonic())
        if self.gate is not None:
            self.gate.wait()

    def end_now(self, reason):
        self.told = ("cut short", reason)
        self.kill_now()


class Special(Connection):
    """A subclass, mounted by itself."""


@pytest.fixture
def events():
    """What the drainers told, as (round, told, left)."""
    found = []

    def handler(event, measurements, metadata):
        found.append((measurements["index"], measurements["count"], measurements["left"]))

    telemetry.attach("drain.batch", handler)
    yield found
    telemetry.detach("drain.batch", handler)


def drained(count, *, shutdown=5.0, **options):
    """Drain ``count`` connections; return the seconds since the begin at which each was told."""
    refs = [Connection.start() for _ in range(count)]
    drainer = Drainer.start(Connection, DrainOptions(shutdown=shutdown, **options))
    began = time.monotonic()
    assert stop(drainer) == SHUTDOWN
    assert [ref.exit_reason for ref in refs] == [RESTART] * count
    return [actor_of(ref).told[1] - began for ref in refs], time.monotonic() - began


class TestBatches:
    def test_one_batch_tells_everybody_at_once_and_pauses_not(self, events):
        told, took = drained(9, batch_size=10, batch_interval=60.0)
        assert max(told) <= took < 1
        assert events == [(1, 9, 0)]

    def test_exactly_one_batch_is_followed_by_one_pause(self, events):
        told, took = drained(10, batch_size=10, batch_interval=0.2)
        assert max(told) < 0.15
        assert 0.2 <= took < 1
        assert events == [(1, 10, 0)]

    def test_one_more_is_told_after_the_pause(self, events):
        told, took = drained(11, batch_size=10, batch_interval=0.2)
        assert max(told[:10]) < 0.15
        assert told[10] >= 0.2
        assert took < 1
        assert events == [(1, 10, 1), (2, 1, 0)]

    def test_batches_are_clusters_in_order_of_age(self, events, caplog):
        caplog.set_level(logging.INFO, "roost.supervision")
        told, took = drained(30, batch_size=10, batch_interval=0.2)
        clusters = [told[:10], told[10:20], told[20:]]
        gaps = [later[0] - earlier[-1] for earlier, later in pairwise(clusters)]
        assert all(0.1 < gap < 0.5 for gap in gaps), told
        assert took >= 0.6  # three pauses: the round that has nobody left is Phoenix's too
        assert events == [(1, 10, 20), (2, 10, 10), (3, 10, 0)]
        assert [record.getMessage() for record in caplog.records] == [
            f"draining 10 of 30 connections of Connection (round {number} of 4)"
            for number in (1, 2, 3)
        ]

    def test_nobody_is_drained_in_silence(self, events):
        _, took = drained(0, batch_size=1, batch_interval=60.0)
        assert took < 1
        assert events == []

    def test_pauses_end_in_time_for_the_rest_to_be_told(self):
        told, took = drained(5, batch_size=1, batch_interval=0.3, shutdown=0.5)
        assert told[1] >= 0.3
        assert 0.35 < told[4] < 0.5
        assert took < 0.6

    def test_who_comes_later_is_not_told(self):
        first = Connection.start()
        drainer = Drainer.start(Connection, DrainOptions(batch_size=1, batch_interval=0.1))
        drainer.exit()
        ended(first)
        second = Connection.start()
        assert ended(drainer) == SHUTDOWN
        assert second.is_alive()


class TestWhoIsSlow:
    def test_who_has_not_ended_is_ended_when_the_time_is_over(self, caplog):
        gate = Event()
        slow, quick = Connection.start(gate), Connection.start()
        drainer = Drainer.start(Connection, DrainOptions(shutdown=0.3))
        began = time.monotonic()
        assert stop(drainer) == SHUTDOWN
        assert 0.25 < time.monotonic() - began < 5.0
        assert (slow.exit_reason, quick.exit_reason) == (KILLED, RESTART)
        assert actor_of(slow).told == ("cut short", RESTART)
        assert [record.getMessage() for record in caplog.records] == [
            "ended 1 connections of Connection that took too long"
        ]

    def test_who_ends_in_time_is_waited_for(self):
        gate = Event()
        slow = Connection.start(gate)
        drainer = Drainer.start(Connection, DrainOptions(shutdown=5.0))
        drainer.exit()
        eventually(lambda: actor_of(slow).told)
        assert drainer.exit_reason is None
        gate.set()
        assert ended(slow) == RESTART
        assert ended(drainer) == SHUTDOWN

    def test_drainer_that_is_killed_ends_the_rest_at_once(self):
        refs = [Connection.start() for _ in range(3)]
        drainer = Drainer.start(Connection, DrainOptions(batch_size=1, batch_interval=60.0))
        drainer.exit()
        ended(refs[0])
        kill(drainer)
        assert [ref.exit_reason for ref in refs] == [RESTART, KILLED, KILLED]
        assert [actor_of(ref).told for ref in refs[1:]] == [("cut short", RESTART)] * 2

    def test_drainer_that_is_killed_while_nothing_ends_leaves_everybody_alone(self):
        connection = Connection.start()
        kill(Drainer.start(Connection, DrainOptions()))
        assert connection.is_alive()

    def test_supervisor_that_gives_less_time_has_it(self):
        gate = Event()
        slow = Connection.start(gate)
        spec = ChildSpec(
            id="d", start=Drainer.start, args=(Connection, DrainOptions(shutdown=60.0)),
            shutdown=0.2,
        )  # fmt: skip
        root = Supervisor.start([spec])
        began = time.monotonic()
        stop(root)
        assert 0.15 < time.monotonic() - began < 30
        assert slow.exit_reason == KILLED


class TestWhoIsDrained:
    def test_subclass_has_a_drainer_of_its_own(self):
        special = Special.start()
        stop(Drainer.start(Connection, DrainOptions()))
        assert special.is_alive()
        stop(Drainer.start(Special, DrainOptions()))
        assert special.exit_reason == RESTART

    def test_reloaded_class_is_known_by_its_name(self):
        reloaded = type("Connection", (Connection,), {"__module__": Connection.__module__})
        reloaded.__qualname__ = Connection.__qualname__
        ref = reloaded.start()
        assert live([Connection]) == [ref]
        stop(Drainer.start(Connection, DrainOptions()))
        assert ref.exit_reason == RESTART

    def test_live_actors_of_several_classes_come_oldest_first(self):
        refs = [Connection.start(), Special.start(), Connection.start()]
        assert live([Connection, Special]) == refs
        assert live([Special]) == [refs[1]]
        assert live([]) == []


class TestSpec:
    def test_time_of_the_drainer_is_that_of_its_options(self):
        options = DrainOptions(shutdown=3.0, batch_size=5)
        assert drainer_spec(Connection, options) == ChildSpec(
            id=("drainer", Connection), start=Drainer.start, args=(Connection, options),
            shutdown=3.0,
        )  # fmt: skip

    def test_time_that_nobody_said_is_half_of_an_endpoint_s(self):
        assert drainer_spec(Connection, DrainOptions()).shutdown == 12.5


def test_drainers_drain_at_the_same_time():
    gates = [Event(), Event()]
    first, second = Connection.start(gates[0]), Special.start(gates[1])
    options = DrainOptions(shutdown=DEADLINE)
    root = Drainers.start([drainer_spec(Connection, options), drainer_spec(Special, options)])
    root.exit()
    eventually(lambda: actor_of(first).told and actor_of(second).told)
    for gate in gates:
        gate.set()
    assert ended(root) == SHUTDOWN


def test_drainers_that_are_killed_end_everybody_at_once():
    gates = [Event(), Event()]
    refs = [Connection.start(gates[0]), Special.start(gates[1])]
    options = DrainOptions(shutdown=60.0)
    root = Drainers.start([drainer_spec(Connection, options), drainer_spec(Special, options)])
    root.exit()
    eventually(lambda: all(actor_of(ref).told for ref in refs))
    kill(root)
    assert [ref.exit_reason for ref in refs] == [KILLED, KILLED]
