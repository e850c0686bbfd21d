"""References: they may be passed to any thread, and outlive their actor."""

from __future__ import annotations

import threading
from typing import Any

import gevent
import pytest

from actors.reasons import KILLED, NORMAL, SHUTDOWN, Shutdown
from actors.runtime import Actor
from tests.support.recorder import Recorder, actor_of, joined
from tests.support.waiting import DEADLINE


def elsewhere(function: Any) -> Any:
    """Return what ``function`` does on a native thread, while the loop turns."""
    answers: list[Any] = []
    thread = threading.Thread(target=lambda: answers.append(function()))
    thread.start()
    joined(thread)
    return answers[0]


def test_there_is_one_per_actor() -> None:
    ref = Recorder.start()
    assert actor_of(ref).actor_ref is ref
    assert str(ref) == f"Recorder ({ref.actor_urn})"


def test_wait_answers_whether_it_has_ended() -> None:
    ref = Recorder.start()
    assert ref.wait(0) is False
    assert ref.wait(0.001) is False
    ref.kill()
    assert ref.wait(0) is True
    assert ref.actor_stopped.is_set()


def test_many_wait_for_one_end() -> None:
    ref = Recorder.start()
    waiting = [gevent.spawn(ref.wait, DEADLINE) for _ in range(5)]
    gevent.idle()
    ref.exit()
    assert [greenlet.get(timeout=DEADLINE) for greenlet in waiting] == [True] * 5


def test_a_wait_that_timed_out_is_forgotten() -> None:
    ref = Recorder.start()
    ref.wait(0.001)
    assert ref.actor_stopped._waiting == []


def test_a_thread_waits_for_the_end_that_it_asked_for() -> None:
    ref = Recorder.start()

    def ending() -> tuple[bool, bool]:
        before = ref.wait(0.001)
        ref.exit(Shutdown("why"))
        return before, ref.wait(DEADLINE)

    assert elsewhere(ending) == (False, True)
    assert ref.exit_reason == Shutdown("why")


def test_a_thread_kills() -> None:
    ref = Recorder.start()
    ref.tell("block")
    assert actor_of(ref).entered.wait(DEADLINE)

    def killing() -> bool:
        ref.kill()
        return ref.wait(DEADLINE)

    assert elsewhere(killing) is True
    assert ref.exit_reason == KILLED


def test_an_end_between_the_look_and_the_wait_is_not_lost() -> None:
    actor = Recorder.start().actor_inbox.actor
    looks: list[bool] = []

    stopped = actor.actor_stopped

    class Meanwhile:
        """The mailbox of an actor that ends when it was looked at once."""

        @property
        def reason(self) -> Any:
            reason = actor.exit_reason
            if not looks:
                actor.kill_now()
            looks.append(True)
            return reason

    stopped._inbox = Meanwhile()
    assert stopped.wait(DEADLINE) is True
    assert stopped._waiting == []


def test_stop_from_its_own_handler_is_served_after_it() -> None:
    class Stopping(Recorder):
        def on_receive(self, message: Any) -> Any:
            self.stop()
            return super().on_receive(message)

    ref = Stopping.start()
    assert ref.ask("last", timeout=DEADLINE) == "last"
    assert ref.wait(DEADLINE)
    assert ref.exit_reason == NORMAL


def test_asking_oneself_and_waiting_is_refused() -> None:
    class Narcissist(Actor):
        def on_receive(self, message: Any) -> Any:
            if message == "wait":
                return self.actor_ref.ask("who is the fairest?")
            if message == "later":
                return self.actor_ref.ask("who is the fairest?", block=False)
            return "me"

    ref = Narcissist.start()
    assert ref.ask("later", timeout=DEADLINE).get(timeout=DEADLINE) == "me"
    with pytest.raises(RuntimeError, match="would wait for its own answer"):
        ref.ask("wait", timeout=DEADLINE)


def test_asking_oneself_in_on_start_is_refused() -> None:
    class Narcissist(Recorder):
        def on_start(self) -> None:
            try:
                self.actor_ref.ask("who is the fairest?", timeout=DEADLINE)
            except RuntimeError as error:
                self.seen.append(error)

    ref = Narcissist.start()
    assert len(actor_of(ref).seen) == 1


def test_exit_without_a_reason_is_a_shutdown() -> None:
    ref = Recorder.start()
    ref.exit()
    assert ref.wait(DEADLINE)
    assert ref.exit_reason == SHUTDOWN
