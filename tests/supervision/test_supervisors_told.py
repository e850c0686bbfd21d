"""What supervisors and drainers tell as events."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors import telemetry
from actors.reasons import Crash, Failure
from supervision import ChildSpec, DynamicSupervisor, Supervisor
from supervision.drainer import Drainer
from supervision.draining import DrainOptions
from tests.supervision.family import DEADLINE, Starter, Worker, ended, stop
from tests.supervision.test_drainer import Connection
from tests.support.told import telling
from tests.support.waiting import eventually

SUPERVISOR = ("supervisor.restart", "supervisor.gave_up")
DRAIN = ("drain.start", "drain.batch", "drain.stop")


class TestSupervisors:
    def test_each_restart_is_told_and_the_one_too_many(self):
        start = Starter()
        with telling(*SUPERVISOR) as told:
            ref = Supervisor.start([ChildSpec(id="one", start=start)], intensity=2, period=60.0)
            name = str(ref.actor_inbox.actor)
            for count in (1, 2, 3):
                start.ref.tell(Failure(count))
                ended(start.ref)
                if count < 3:
                    assert eventually(lambda n=count: len(start.refs) == n + 1)
            ended(ref)
        assert told == [
            (event, {"count": count}, {
                "supervisor": name, "child": "one", "reason": Failure(count),
            })
            for event, count in (
                ("supervisor.restart", 1), ("supervisor.restart", 2), ("supervisor.gave_up", 3)
            )
        ]  # fmt: skip

    def test_an_attempt_that_fails_is_told_with_why(self):
        start = Starter()
        with telling(*SUPERVISOR) as told:
            ref = Supervisor.start([ChildSpec(id=1, start=start)], intensity=2, period=60.0)
            start.always = OSError("not again")
            start.ref.tell(ValueError("on purpose"))
            ended(ref)
        reasons = [about["reason"] for _, _, about in told]
        assert [type(reason) for reason in reasons] == [Crash] * 3
        assert [type(reason.exception) for reason in reasons] == [ValueError, OSError, OSError]
        assert told.names() == ["supervisor.restart"] * 2 + ["supervisor.gave_up"]

    def test_a_dynamic_one_tells_the_same(self):
        start = Starter()
        with telling(*SUPERVISOR) as told:
            ref = DynamicSupervisor.start(intensity=1, period=60.0)
            ref.start_child(ChildSpec(id="any", start=start))
            start.ref.tell(Failure(1))
            assert eventually(lambda: len(start.refs) == 2)
            start.ref.tell(Failure(2))
            ended(ref)
        assert [(name, measured["count"], about["child"]) for name, measured, about in told] == [
            ("supervisor.restart", 1, "any"), ("supervisor.gave_up", 2, "any"),
        ]  # fmt: skip

    @pytest.mark.parametrize("failure", [SystemExit(1), gevent.GreenletExit(), ValueError()])
    def test_a_handler_that_fails_costs_no_child_its_restart(self, failure):
        def handler(*_: Any) -> None:
            raise failure

        start = Starter()
        telemetry.attach("supervisor.restart", handler)
        ref = Supervisor.start([ChildSpec(id=1, start=start)])
        start.ref.tell(Failure(1))
        assert eventually(lambda: len(start.refs) == 2)
        assert not telemetry.listens("supervisor.restart")
        stop(ref)


class TestDrainers:
    def test_a_drain_has_a_start_and_a_stop(self):
        refs = [Connection.start() for _ in range(3)]
        with telling(*DRAIN) as told:
            stop(Drainer.start(Connection, DrainOptions(shutdown=5.0)))
        assert all(ref.exit_reason for ref in refs)
        assert told.names() == list(DRAIN)
        assert told.of("drain.start") == [({"total": 3}, {"drainer": "Connection"})]
        [(measured, about)] = told.of("drain.stop")
        assert (measured["total"], measured["late"]) == (3, 0)
        assert 0 <= measured["duration"] < DEADLINE
        assert about == {"drainer": "Connection"}

    def test_who_had_to_be_ended_is_counted(self):
        gate = Event()
        refs = [Connection.start(gate), Connection.start()]
        with telling(*DRAIN) as told:
            stop(Drainer.start(Connection, DrainOptions(shutdown=0.1)))
        assert all(ref.exit_reason for ref in refs)
        [(measured, _)] = told.of("drain.stop")
        assert (measured["total"], measured["late"]) == (2, 1)

    def test_a_drain_that_is_cut_short_has_its_stop_once(self):
        gate = Event()
        refs = [Connection.start(gate)]
        with telling(*DRAIN) as told:
            drainer = Drainer.start(Connection, DrainOptions(shutdown=60.0))
            drainer.exit()
            told.wait("drain.batch")
            drainer.kill()
            ended(drainer)
        assert all(ref.exit_reason for ref in refs)
        [(measured, _)] = told.of("drain.stop")
        assert (measured["total"], measured["late"]) == (1, 1)

    def test_one_that_is_killed_before_it_drains_tells_nothing(self):
        with telling(*DRAIN) as told:
            drainer = Drainer.start(Connection, DrainOptions())
            drainer.kill()
            ended(drainer)
        assert told == []


def test_actors_of_the_family_end_as_they_are_told() -> None:
    """What the tests above count on."""
    ref = Worker.start()
    ref.tell(Failure(1))
    assert ended(ref) == Failure(1)
