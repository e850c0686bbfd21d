"""A kill: at once, of exactly one actor, wherever it is; and nothing is left of it."""

from __future__ import annotations

from typing import Any

import gevent
import pykka
import pytest
from gevent.event import Event
from greenlet import GreenletExit

from actors.reasons import KILLED, NORMAL
from actors.runtime import get_dispatcher, registry
from tests.support.recorder import Recorder, actor_of, wait_until_down, watched
from tests.support.waiting import DEADLINE


class TestKill:
    def test_an_idle_actor(self) -> None:
        ref, watcher = Recorder.start(), Recorder.start()
        actor_of(watcher).monitor(ref)
        before = registry.count()
        ref.kill()
        assert not ref.is_alive()
        assert registry.count() == before - 1
        assert wait_until_down(watcher).reason == KILLED
        assert actor_of(ref).ended == []

    def test_a_blocked_actor_answers_its_questions(self) -> None:
        ref, other = Recorder.start(), Recorder.start()
        asked = ref.ask("block", block=False)
        queued = ref.ask("queued", block=False)
        assert actor_of(ref).entered.wait(DEADLINE)
        ref.kill()
        for future in (asked, queued):
            with pytest.raises(pykka.ActorDeadError):
                future.get(timeout=DEADLINE)
        assert actor_of(ref).seen == []
        assert other.ask("alive", timeout=DEADLINE) == "alive"

    def test_a_queued_actor_handles_nothing_more_and_is_cleaned_up_once(self) -> None:
        cleaned: list[Any] = []

        class Cleaning(Recorder):
            def on_killed(self) -> None:
                cleaned.append(self)

        ref = Cleaning.start()
        watcher = watched(ref)
        late = ref.ask("never", block=False)
        ref.kill()
        assert cleaned == [actor_of(ref)]
        with pytest.raises(pykka.ActorDeadError):
            late.get(timeout=DEADLINE)
        assert wait_until_down(watcher).reason == KILLED
        assert Recorder.start().ask("the queue goes on", timeout=DEADLINE) == "the queue goes on"
        assert actor_of(ref).seen == []
        assert cleaned == [actor_of(ref)]

    def test_a_blocked_one_that_is_being_released_ends_once(self) -> None:
        ref = Recorder.start()
        watcher = watched(ref)
        asked = ref.ask("block", block=False)
        assert actor_of(ref).entered.wait(DEADLINE)
        actor_of(ref).release.set()  # its greenlet is due on the loop, and so will be the kill
        ref.kill()
        with pytest.raises(pykka.ActorDeadError):
            asked.get(timeout=DEADLINE)
        assert wait_until_down(watcher).reason == KILLED
        watcher.ask("and nothing more", timeout=DEADLINE)
        assert len(actor_of(watcher).seen) == 2

    def test_does_not_hit_whoever_runs_on_its_greenlet_by_then(self) -> None:
        other = Recorder.start()
        ref = Recorder.start()
        ref.tell("block")
        assert actor_of(ref).entered.wait(DEADLINE)
        carrier = actor_of(ref).actor_inbox.owner
        # All of it is due on the loop, in this order: it ends, the other blocks, the kill.
        actor_of(ref).release.set()
        asked = other.ask("block", block=False)
        ref.kill()
        assert actor_of(other).entered.wait(DEADLINE)
        assert actor_of(other).actor_inbox.owner is carrier
        gevent.idle()
        actor_of(other).release.set()
        assert asked.get(timeout=DEADLINE) == "block"

    def test_answers_whom_a_handler_that_swallows_it_keeps_waiting(self) -> None:
        release = Event()

        class Stubborn(Recorder):
            def on_receive(self, message: Any) -> Any:
                self.entered.set()
                try:
                    Event().wait()
                except GreenletExit:
                    release.wait()

        ref = Stubborn.start()
        asked = ref.ask("x", block=False)
        assert actor_of(ref).entered.wait(DEADLINE)
        ref.kill()
        with pytest.raises(pykka.ActorDeadError):
            asked.get(timeout=DEADLINE)
        release.set()

    def test_from_the_loop(self) -> None:
        ref = Recorder.start()
        ref.tell("block")
        assert actor_of(ref).entered.wait(DEADLINE)
        get_dispatcher().timers.call_later(0, ref.kill)
        assert ref.wait(DEADLINE)
        assert ref.exit_reason == KILLED

    def test_is_not_the_killers_affair_when_cleaning_up_fails(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Failing(Recorder):
            def on_killed(self) -> None:
                raise ValueError("no")

        ref = Failing.start()
        watcher = watched(ref)
        ref.kill()
        assert wait_until_down(watcher).reason == KILLED
        assert "on_killed failed: ValueError: no" in caplog.text

    def test_a_handler_that_swallows_it_is_dead_all_the_same(self) -> None:
        swallowed = Event()

        class Stubborn(Recorder):
            def on_receive(self, message: Any) -> Any:
                self.entered.set()
                try:
                    self.release.wait()
                except GreenletExit:
                    swallowed.set()
                return "answer"

        ref = Stubborn.start()
        asked = ref.ask("x", block=False)
        assert actor_of(ref).entered.wait(DEADLINE)
        ref.kill()
        assert swallowed.wait(DEADLINE)
        assert not ref.is_alive()
        with pytest.raises(pykka.ActorDeadError):
            asked.get(timeout=DEADLINE)

    def test_itself(self) -> None:
        class Suicidal(Recorder):
            def on_receive(self, message: Any) -> Any:
                self.actor_ref.kill()

        ref = Suicidal.start()
        with pytest.raises(pykka.ActorDeadError):
            ref.ask("x", timeout=DEADLINE)
        assert ref.exit_reason == KILLED

    def test_kills_exactly_one_and_leaves_no_greenlet(self) -> None:
        refs = [Recorder.start() for _ in range(20)]
        for ref in refs:
            ref.tell("block")
        for ref in refs:
            assert actor_of(ref).entered.wait(DEADLINE)
        refs[7].kill()
        assert [ref.is_alive() for ref in refs].count(False) == 1
        for ref in refs:
            actor_of(ref).release.set()
        for ref in refs[:7] + refs[8:]:
            assert ref.ask("on", timeout=DEADLINE) == "on"

    def test_twice_or_when_dead_does_nothing(self) -> None:
        ref = Recorder.start()
        ref.stop(timeout=DEADLINE)
        ref.kill()
        assert ref.exit_reason == NORMAL

    def test_while_its_end_hook_blocks(self) -> None:
        class Lingering(Recorder):
            def on_stop(self) -> None:
                self.entered.set()
                self.release.wait()

        ref, watcher = Lingering.start(), Recorder.start()
        actor_of(watcher).monitor(ref)
        ref.exit()
        assert actor_of(ref).entered.wait(DEADLINE)
        ref.kill()
        assert wait_until_down(watcher).reason == KILLED
        assert ref.wait(DEADLINE)

    @pytest.mark.parametrize("last_words", [ValueError("no"), SystemExit()])
    def test_of_a_handler_that_raises_something_else_then(
        self, last_words: BaseException, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Defiant(Recorder):
            def on_receive(self, message: Any) -> Any:
                self.entered.set()
                try:
                    Event().wait()
                except GreenletExit:
                    raise last_words from None

        ref = Defiant.start()
        asked = ref.ask("x", block=False)
        assert actor_of(ref).entered.wait(DEADLINE)
        ref.kill()
        with pytest.raises(pykka.ActorDeadError):
            asked.get(timeout=DEADLINE)
        assert Recorder.start().ask("on", timeout=DEADLINE) == "on"
        assert ref.exit_reason == KILLED
        assert caplog.records == []
