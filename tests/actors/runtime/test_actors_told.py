"""What the runtime tells of actors: that they crashed, and that their mailboxes are full."""

from __future__ import annotations

from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors import telemetry
from actors.errors import MailboxFull
from actors.reasons import KILLED, Crash
from actors.runtime import Actor, StartError
from tests.support.told import telling
from tests.support.waiting import DEADLINE


class Frail(Actor):
    def __init__(self, how: str = "") -> None:
        super().__init__()
        self.how = how
        self.stopped = Event()

    def on_start(self) -> None:
        if self.how == "start":
            raise ValueError("on purpose")

    def on_receive(self, message: Any) -> Any:
        raise ValueError("on purpose")

    def terminate(self, reason: Any) -> None:
        self.stopped.set()


class TestCrashes:
    def test_a_crash_is_told_with_where_and_what(self):
        with telling("actor.crashed") as told:
            ref = Frail.start()
            ref.tell("now")
            assert ref.wait(DEADLINE)
        [(measured, about)] = told.of("actor.crashed")
        assert measured == {"count": 1}
        assert about["actor"] is Frail
        assert about["callback"].endswith(" in on_receive")
        assert about["callback"].startswith("tests/actors/runtime/test_actors_told.py:")
        assert ref.exit_reason == Crash(about["error"])
        assert about["id"] == ref.actor_urn

    def test_a_start_that_fails_is_one(self):
        with telling("actor.crashed") as told, pytest.raises(StartError):
            Frail.start("start")
        assert told.of("actor.crashed")[0][1]["callback"].endswith(" in on_start")

    def test_an_end_that_is_no_crash_is_not_told(self):
        with telling("actor.crashed") as told:
            Frail.start().stop()
            ref = Frail.start()
            ref.kill()
        assert told == []

    @pytest.mark.parametrize("failure", [ValueError(), SystemExit(1), gevent.GreenletExit()])
    def test_whatever_a_handler_raises_the_end_goes_on(self, failure):
        def handler(*_: Any) -> None:
            raise failure

        telemetry.attach("actor.crashed", handler)
        ref = Frail.start()
        actor = ref.actor_inbox.actor
        ref.tell("now")
        assert ref.wait(DEADLINE)
        assert actor.stopped.is_set()
        assert not telemetry.listens("actor.crashed")

    def test_an_actor_whose_crash_is_told_to_who_blocks_can_be_killed(self):
        entered = Event()

        def handler(*_: Any) -> None:
            entered.set()
            Event().wait()

        telemetry.attach("actor.crashed", handler)
        try:
            ref = Frail.start()
            ref.tell("now")
            assert entered.wait(DEADLINE)
            ref.kill()
            assert ref.wait(DEADLINE)
            assert ref.exit_reason == KILLED
            gevent.sleep(0)
        finally:
            telemetry.detach("actor.crashed", handler)


class Busy(Actor):
    mailbox_messages = 2

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.release = Event(), Event()

    def on_receive(self, message: Any) -> None:
        self.entered.set()
        self.release.wait()


class Small(Busy):
    mailbox_bytes = 1000
    mailbox_policy = "drop"


class Strict(Busy):
    mailbox_bytes = 1000
    mailbox_policy = "stop"


def busy(kind: type[Busy]) -> Any:
    ref = kind.start()
    ref.tell("first")
    assert ref.actor_inbox.actor.entered.wait(DEADLINE)
    return ref


class TestOverflows:
    def test_what_waits_is_told_where_the_teller_is_refused(self):
        ref = busy(Busy)
        with telling("mailbox.overflow") as told:
            ref.tell("second")
            ref.tell("third")
            with pytest.raises(MailboxFull):
                ref.tell("fourth")
        [(measured, about)] = told.of("mailbox.overflow")
        assert measured["messages"] == 2
        assert measured["bytes"] > 0
        assert about == {"actor": Busy, "policy": "reject"}

    def test_each_message_that_is_dropped_is_told(self):
        ref = busy(Small)
        with telling("mailbox.overflow") as told:
            for _ in range(3):
                ref.tell("x" * 2000)
        assert [about["policy"] for _, about in told.of("mailbox.overflow")] == ["drop"] * 3

    def test_an_actor_that_is_stopped_for_it_is_told_once(self):
        ref = busy(Strict)
        with telling("mailbox.overflow") as told:
            for _ in range(3):
                ref.tell("x" * 2000)
        assert len(told.of("mailbox.overflow")) == 1
        assert told.of("mailbox.overflow")[0][1] == {"actor": Strict, "policy": "stop"}
        ref.actor_inbox.actor.release.set()
        assert ref.wait(DEADLINE)
