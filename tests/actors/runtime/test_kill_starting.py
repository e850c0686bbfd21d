"""A kill of what is starting, and of who starts it."""

from __future__ import annotations

from typing import Any

import gevent
import pykka
import pytest
from gevent.event import Event
from greenlet import GreenletExit

from actors.reasons import KILLED
from actors.runtime import Actor, StartError
from tests.support.recorder import Recorder, actor_of
from tests.support.waiting import DEADLINE


class TestKillWhileStarting:
    def test_before_it_has_begun(self) -> None:
        actor = Recorder()
        actor.actor_ref.tell("never")
        actor.kill_now()
        with pytest.raises(StartError) as caught:
            actor.on_begin()
        assert caught.value.reason == KILLED
        assert actor.seen == []

    def test_of_the_starter_ends_what_it_starts_without_a_crash(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        entered, made = Event(), []

        class Slow(Actor):
            def on_start(self) -> None:
                made.append(self.actor_ref)
                entered.set()
                Event().wait()

        class Starter(Recorder):
            def on_receive(self, message: Any) -> Any:
                try:
                    Slow.start()
                except StartError as error:
                    self.ended.append(error)

        ref = Starter.start()
        ref.tell("start")
        assert entered.wait(DEADLINE)
        ref.kill()
        assert made[0].wait(DEADLINE)
        assert made[0].exit_reason == KILLED
        assert actor_of(ref).ended == []
        assert caplog.records == []

    def test_by_what_it_starts(self) -> None:
        class Ungrateful(Actor):
            def __init__(self, parent: Any) -> None:
                super().__init__()
                self.parent = parent

            def on_start(self) -> None:
                self.parent.kill()

        class Starter(Recorder):
            def on_receive(self, message: Any) -> Any:
                Ungrateful.start(self.actor_ref)

        ref = Starter.start()
        with pytest.raises(pykka.ActorDeadError):
            ref.ask("start", timeout=DEADLINE)
        assert ref.exit_reason == KILLED

    def test_leaves_a_starter_that_had_got_through(self) -> None:
        class Quick(Recorder):
            def on_start(self) -> None:
                self.entered.set()
                self.release.wait()

        actor = Quick()
        starter = gevent.spawn(actor.on_begin)
        assert actor.entered.wait(DEADLINE)
        actor.release.set()
        actor.kill_now()
        with pytest.raises(StartError) as caught:
            starter.get(timeout=DEADLINE)
        assert caught.value.reason == KILLED

    def test_swallowed_in_on_start_is_a_failed_start_all_the_same(self) -> None:
        class Stubborn(Recorder):
            def on_start(self) -> None:
                self.entered.set()
                try:
                    Event().wait()
                except GreenletExit:
                    pass

        actor = Stubborn()
        starter = gevent.spawn(actor.on_begin)
        assert actor.entered.wait(DEADLINE)
        actor.kill_now()
        with pytest.raises(StartError) as caught:
            starter.get(timeout=DEADLINE)
        assert caught.value.reason == KILLED
