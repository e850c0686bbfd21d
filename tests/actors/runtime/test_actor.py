"""The actor: Pykka's behaviour on our runtime, and OTP's where Pykka leaves it open."""

from __future__ import annotations

import threading
from typing import Any

import gevent
import pykka
import pytest
from gevent.event import Event

from actors.reasons import KILLED, NORMAL, Crash, Failure
from actors.runtime import Actor, StartError, registry
from tests.support.recorder import Recorder, actor_of
from tests.support.waiting import DEADLINE, eventually


class TestPykka:
    def test_tell_is_handled(self) -> None:
        ref = Recorder.start()
        ref.tell("a")
        assert ref.ask("b", timeout=DEADLINE) == "b"
        assert actor_of(ref).seen == ["a", "b"]

    def test_proxy_calls_reads_and_writes(self) -> None:
        proxy = Recorder.start().proxy()
        assert proxy.double(21).get(timeout=DEADLINE) == 42
        proxy.colour = "red"
        assert proxy.colour.get(timeout=DEADLINE) == "red"

    def test_stop_comes_after_what_is_queued(self) -> None:
        ref = Recorder.start()
        ref.tell("first")
        assert ref.stop(timeout=DEADLINE) is True
        assert actor_of(ref).seen == ["first"]
        assert actor_of(ref).ended == ["stop"]
        assert ref.exit_reason == NORMAL

    def test_stop_of_a_dead_actor_answers_false(self) -> None:
        ref = Recorder.start()
        ref.stop(timeout=DEADLINE)
        assert ref.stop(timeout=DEADLINE) is False

    def test_tell_and_ask_to_the_dead_raise(self) -> None:
        ref = Recorder.start()
        ref.stop(timeout=DEADLINE)
        assert not ref.is_alive()
        with pytest.raises(pykka.ActorDeadError):
            ref.tell("x")
        with pytest.raises(pykka.ActorDeadError):
            ref.ask("x")

    def test_ask_times_out(self) -> None:
        ref = Recorder.start()
        with pytest.raises(pykka.Timeout):
            ref.ask("block", timeout=0.01)

    def test_questions_queued_behind_a_stop_are_answered(self) -> None:
        ref = Recorder.start()
        stopped = ref.stop(block=False)
        late = ref.ask("late", block=False)
        assert stopped.get(timeout=DEADLINE) is True
        with pytest.raises(pykka.ActorDeadError):
            late.get(timeout=DEADLINE)

    def test_is_a_pykka_actor_with_a_urn(self) -> None:
        ref = Recorder.start()
        assert isinstance(actor_of(ref), pykka.Actor)
        found = registry.get_by_urn(ref.actor_urn)
        assert found is ref
        assert registry.get_by_urn("urn:uuid:0") is None
        assert registry.get_by_class(Recorder) == [ref]

    def test_our_actors_are_not_in_pykkas_registry(self) -> None:
        Recorder.start()
        assert pykka.ActorRegistry.get_all() == []

    def test_unexpected_message_is_logged_by_default(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        Actor.start().ask("?", timeout=DEADLINE)
        assert "Unexpected message" in caplog.text

    def test_a_native_thread_may_start_tell_and_ask(self) -> None:
        answers: list[Any] = []

        def elsewhere() -> None:
            ref = Recorder.start()
            ref.tell("told")
            answers.append(ref.ask("asked", timeout=DEADLINE))
            answers.append(actor_of(ref).seen)
            ref.exit()
            answers.append(ref.ask("late", block=False))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        with gevent.Timeout(DEADLINE):
            while thread.is_alive():
                gevent.idle()
        assert answers[:2] == ["asked", ["told", "asked"]]
        with pytest.raises(pykka.ActorDeadError):
            answers[2].get(timeout=DEADLINE)


class TestStart:
    def test_on_start_failing_is_reported_to_the_starter(self) -> None:
        class Failing(Recorder):
            def on_start(self) -> None:
                raise OSError("no")

        before = registry.count()
        with pytest.raises(StartError) as caught:
            Failing.start()
        assert isinstance(caught.value.reason, Crash)
        assert isinstance(caught.value.__cause__, OSError)
        assert registry.count() == before

    def test_on_start_failing_is_reported_to_a_native_thread(self) -> None:
        class Failing(Actor):
            def on_start(self) -> None:
                raise OSError("no")

        caught: list[BaseException] = []

        def elsewhere() -> None:
            try:
                Failing.start()
            except StartError as error:
                caught.append(error)

        thread = threading.Thread(target=elsewhere)
        thread.start()
        with gevent.Timeout(DEADLINE):
            while thread.is_alive():
                gevent.idle()
        assert len(caught) == 1

    def test_neither_hook_runs_for_an_actor_that_never_was(self) -> None:
        made: list[Recorder] = []

        class Failing(Recorder):
            def on_start(self) -> None:
                made.append(self)
                raise OSError("no")

        with pytest.raises(StartError):
            Failing.start()
        assert made[0].ended == []

    def test_leaving_in_on_start_gives_its_reason(self) -> None:
        class Leaving(Actor):
            def on_start(self) -> None:
                self.exit_self("not today")

        with pytest.raises(StartError) as caught:
            Leaving.start()
        assert caught.value.reason == Failure("not today")

    def test_killed_while_it_starts(self) -> None:
        entered, made = Event(), []

        class Slow(Actor):
            def on_start(self) -> None:
                made.append(self.actor_ref)
                entered.set()
                Event().wait()

        starter = gevent.spawn(Slow.start)
        assert entered.wait(DEADLINE)
        made[0].kill()
        with pytest.raises(StartError) as caught:
            starter.get(timeout=DEADLINE)
        assert caught.value.reason == KILLED

    def test_begun_twice_is_refused(self) -> None:
        ref = Recorder.start()
        with pytest.raises(StartError, match="begun already"):
            actor_of(ref).on_begin()
        assert ref.ask("on", timeout=DEADLINE) == "on"

    def test_told_before_it_has_begun_waits(self) -> None:
        actor = Recorder()
        actor.actor_ref.tell("early")
        actor.actor_ref.exit("soon")
        gevent.idle()
        assert actor.seen == []
        ref = actor.on_begin().actor_ref
        assert ref.wait(DEADLINE)
        assert ref.exit_reason == Failure("soon")

    def test_blocking_in_on_start_keeps_messages_waiting(self) -> None:
        class Slow(Recorder):
            def on_start(self) -> None:
                self.entered.set()
                self.release.wait()
                self.seen.append("started")

        actor = Slow()
        starter = gevent.spawn(actor.on_begin)
        assert actor.entered.wait(DEADLINE)
        asked = actor.actor_ref.ask("early", block=False)
        gevent.idle()
        assert actor.seen == []
        actor.release.set()
        assert asked.get(timeout=DEADLINE) == "early"
        assert actor.seen == ["started", "early"]
        assert starter.get(timeout=DEADLINE) is actor

    def test_pykkas_seam_makes_no_mailbox_without_its_actor(self) -> None:
        with pytest.raises(NotImplementedError):
            Recorder._create_actor_inbox()

    def test_messages_of_on_start_are_handled_after_it(self) -> None:
        class Early(Recorder):
            def on_start(self) -> None:
                self.actor_ref.tell("early")

        ref = Early.start()
        assert ref.ask("late", timeout=DEADLINE) == "late"
        assert actor_of(ref).seen == ["early", "late"]


class TestTime:
    def test_send_after_tells(self) -> None:
        ref = Recorder.start()
        actor_of(ref).send_after(0.001, "tick")
        assert actor_of(ref).news.wait(DEADLINE)
        assert actor_of(ref).seen == ["tick"]

    def test_send_after_may_be_cancelled(self) -> None:
        ref = Recorder.start()
        actor_of(ref).send_after(0.001, "never").cancel()
        actor_of(ref).send_after(0.002, "tick")
        assert actor_of(ref).news.wait(DEADLINE)
        assert actor_of(ref).seen == ["tick"]

    def test_send_after_to_an_actor_that_has_ended_does_nothing(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        ref, other = Recorder.start(), Recorder.start()
        actor_of(ref).send_after(0.001, "late")
        ref.kill()
        actor_of(other).send_after(0.002, "tick")
        assert actor_of(other).news.wait(DEADLINE)
        assert caplog.records == []

    @pytest.mark.parametrize("delay", [-0.001, float("nan"), float("-inf"), "1", None])
    def test_send_after_a_time_that_is_none_is_refused(self, delay: Any) -> None:
        with pytest.raises(ValueError, match="must be 0 seconds or more"):
            actor_of(Recorder.start()).send_after(delay, "never")

    def test_send_after_to_a_full_mailbox_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        class Small(Recorder):
            mailbox_messages = 1

        ref = Small.start()
        ref.tell("block")
        assert actor_of(ref).entered.wait(DEADLINE)
        ref.tell("fills it")
        timer = actor_of(ref).send_after(0, "too much")
        eventually(lambda: timer.callback is None)
        assert "a timer's message was dropped" in caplog.text
        actor_of(ref).release.set()


def test_actor_that_replaces_its_mailbox_does_not_start():
    class Keeper(Actor):
        def on_start(self):
            self.actor_inbox = []

    with pytest.raises(StartError) as refused:
        Keeper.start()
    assert "choose another name" in str(refused.value)
    assert registry.get_by_class(Keeper) == []
