"""How an actor ends, and what is left of it: nothing."""

from __future__ import annotations

import logging
from typing import Any

import gevent
import pykka
import pytest
from greenlet import GreenletExit

from actors.crash_text import described
from actors.reasons import NORMAL, SHUTDOWN, Crash, Failure, Shutdown
from actors.runtime import Actor, StartError, registry
from tests.support.recorder import Recorder, actor_of, wait_until_down, watched
from tests.support.waiting import DEADLINE


@pytest.mark.parametrize(
    "escape",
    [
        ValueError("v"),
        SystemExit(3),
        KeyboardInterrupt(),
        GreenletExit(),
        gevent.Timeout(1),
        RecursionError(),
        MemoryError(),
        StopIteration(),
    ],
    ids=lambda e: type(e).__name__,
)
class TestWhatEscapesAHandler:
    def test_ends_that_actor_alone_when_told(self, escape: BaseException) -> None:
        ref, other, watcher = Recorder.start(), Recorder.start(), Recorder.start()
        actor_of(watcher).monitor(ref)
        ref.tell(escape)
        reason = wait_until_down(watcher).reason
        assert isinstance(reason, Crash)
        assert reason.exception is escape
        assert actor_of(ref).ended == [escape]
        assert other.ask("alive", timeout=DEADLINE) == "alive"

    def test_harms_nobody_else_when_asked(self, escape: BaseException) -> None:
        ref, other = Recorder.start(), Recorder.start()
        if isinstance(escape, Exception):
            with pytest.raises(type(escape)):
                ref.ask(escape, timeout=DEADLINE)
        else:  # raised again it would end whoever asked
            with pytest.raises(pykka.ActorDeadError) as caught:
                ref.ask(escape, timeout=DEADLINE)
            assert caught.value.__cause__ is escape
            assert ref.wait(DEADLINE)
        assert other.ask("alive", timeout=DEADLINE) == "alive"

    def test_of_an_ask_is_the_answer_and_the_actor_lives_if_it_is_an_exception(
        self, escape: BaseException, caplog: pytest.LogCaptureFixture
    ) -> None:
        ref = Recorder.start()
        asked = ref.ask(escape, block=False)
        later = ref.ask("after", block=False)  # queued for the same turn
        if not isinstance(escape, Exception):
            with pytest.raises(pykka.ActorDeadError):
                later.get(timeout=DEADLINE)
            return
        with pytest.raises(type(escape)):
            asked.get(timeout=DEADLINE)
        assert later.get(timeout=DEADLINE) == "after"
        assert (ref.is_alive(), actor_of(ref).ended) == (True, [])
        (record,) = caplog.records
        assert f"failed to answer: {described(escape)}" in record.getMessage()

    def test_of_an_ask_ends_an_actor_that_says_so(self, escape: BaseException) -> None:
        class Strict(Recorder):
            crash_on_ask = True

        ref = Strict.start()
        with pytest.raises((type(escape), pykka.ActorDeadError)):
            ref.ask(escape, timeout=DEADLINE)
        assert ref.wait(DEADLINE)
        assert ref.exit_reason == Crash(escape)

    def test_ends_that_actor_alone_when_it_escapes_on_start(self, escape: BaseException) -> None:
        class Failing(Actor):
            def on_start(self) -> None:
                raise escape

        other = Recorder.start()
        before = registry.count()
        with pytest.raises(StartError) as caught:
            Failing.start()
        assert caught.value.reason == Crash(escape)
        assert registry.count() == before
        assert other.ask("alive", timeout=DEADLINE) == "alive"

    def test_of_an_end_hook_is_logged_and_the_end_goes_on(
        self, escape: BaseException, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Failing(Recorder):
            def on_stop(self) -> None:
                raise escape

        ref = Failing.start()
        watcher = watched(ref)
        assert ref.stop(timeout=DEADLINE) is True
        assert wait_until_down(watcher).reason == NORMAL
        (record,) = caplog.records
        text = record.getMessage().partition(": terminate failed: ")[2]
        assert text.startswith(f"{described(escape).rstrip()} at ")
        assert record.exc_info[1] is escape


class TestExit:
    def test_comes_ahead_of_queued_messages(self) -> None:
        ref = Recorder.start()
        ref.tell("block")
        assert actor_of(ref).entered.wait(DEADLINE)
        for number in range(100):
            ref.tell(number)
        ref.exit()
        actor_of(ref).release.set()
        assert ref.wait(DEADLINE)
        assert ref.exit_reason == SHUTDOWN
        assert actor_of(ref).seen == ["block"]

    def test_ends_the_running_turn_after_its_message(self) -> None:
        ref = Recorder.start()
        ref.tell("block")
        late = ref.ask("late", block=False)  # queued for the same turn
        assert actor_of(ref).entered.wait(DEADLINE)
        ref.exit(Shutdown("why"))
        actor_of(ref).release.set()
        with pytest.raises(pykka.ActorDeadError):
            late.get(timeout=DEADLINE)
        assert ref.exit_reason == Shutdown("why")

    def test_may_be_trapped(self) -> None:
        class Trapping(Recorder):
            def handle_exit(self, reason: Any) -> None:
                self.seen.append(reason)

        ref = Trapping.start()
        ref.exit("tick")
        assert ref.ask("still here", timeout=DEADLINE) == "still here"
        assert actor_of(ref).seen == [Failure("tick"), "still here"]

    def test_a_hook_that_raises_does_not_stop_the_end(self) -> None:
        class Failing(Recorder):
            def on_stop(self) -> None:
                raise SystemExit

        ref = Failing.start()
        ref.exit()
        assert ref.wait(DEADLINE)
        assert ref.exit_reason == SHUTDOWN

    def test_leave_ends_with_its_reason(self) -> None:
        class Leaving(Actor):
            def on_receive(self, message: Any) -> Any:
                self.exit_self(message)

        ref = Leaving.start()
        ref.tell(Shutdown("done"))
        assert ref.wait(DEADLINE)
        assert ref.exit_reason == Shutdown("done")

    def test_a_crash_is_one_log_line(self, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO):
            ref = Recorder.start()
            ref.tell(ValueError("x" * 1000))
            assert ref.wait(DEADLINE)
        assert len(caplog.records) == 1
        assert len(caplog.records[0].getMessage()) < 400

    def test_a_crash_is_one_log_line_whatever_its_text(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        ref = Recorder.start()
        ref.tell(ValueError("a\nroost: all is well\x1b[2J"))
        assert ref.wait(DEADLINE)
        (record,) = caplog.records
        text = record.getMessage()
        assert r" crashed: ValueError: a\nroost: all is well\x1b[2J at " in text
        assert text.endswith("recorder.py:30 in on_receive")
        assert record.exc_info is not None

    def test_a_crash_whose_text_cannot_be_had(self, caplog: pytest.LogCaptureFixture) -> None:
        class Mute(Exception):
            def __str__(self) -> str:
                raise ValueError

        ref = Recorder.start()
        ref.tell(Mute())
        assert ref.wait(DEADLINE)
        assert "crashed: Mute: its __str__ failed" in caplog.text

    def test_every_hook_runs_and_everybody_is_told_though_hooks_raise(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Failing(Recorder):
            def on_crash(self, reason: Any) -> None:
                raise RuntimeError("the log is broken")

            def on_ending(self, reason: Any) -> None:
                raise RuntimeError("the client is gone")

        ref = Failing.start()
        watcher = watched(ref)
        error = ValueError()
        ref.tell(error)
        assert wait_until_down(watcher).reason == Crash(error)
        assert actor_of(ref).ended == [error]
        told = [r.getMessage().partition("): ")[2].partition(" at ") for r in caplog.records]
        assert [(what, where.rpartition(" ")[2]) for what, _, where in told] == [
            ("on_crash failed: RuntimeError: the log is broken", "on_crash"),
            ("on_ending failed: RuntimeError: the client is gone", "on_ending"),
        ]

    def test_leaving_an_end_hook_is_no_failure(self, caplog: pytest.LogCaptureFixture) -> None:
        class Leaving(Recorder):
            def on_stop(self) -> None:
                self.exit_self("again")

        ref = Leaving.start()
        assert ref.stop(timeout=DEADLINE) is True
        assert ref.exit_reason == NORMAL
        assert caplog.records == []

    def test_leaving_while_asked_ends_the_actor_and_not_the_asker(self) -> None:
        class Leaving(Actor):
            def on_receive(self, message: Any) -> Any:
                self.exit_self("had enough")

        leaving = Leaving.start()

        class Asker(Recorder):
            def on_receive(self, message: Any) -> Any:
                try:
                    leaving.ask(message, timeout=DEADLINE)
                except pykka.ActorDeadError:
                    return "it left"

        asker = Asker.start()
        assert asker.ask("x", timeout=DEADLINE) == "it left"
        assert leaving.exit_reason == Failure("had enough")
        assert asker.is_alive()

    def test_a_trap_may_block_and_what_is_queued_waits(self) -> None:
        class Trapping(Recorder):
            def handle_exit(self, reason: Any) -> None:
                self.entered.set()
                self.release.wait()
                self.seen.append(reason)

        ref = Trapping.start()
        ref.tell("queued")
        ref.exit("tick")
        assert actor_of(ref).entered.wait(DEADLINE)
        ref.exit("tock")
        actor_of(ref).release.set()
        assert ref.ask("last", timeout=DEADLINE) == "last"
        assert actor_of(ref).seen == [Failure("tick"), Failure("tock"), "queued", "last"]

    def test_in_a_turn_that_is_its_own(self) -> None:
        class Tired(Recorder):
            def on_receive(self, message: Any) -> Any:
                super().on_receive(message)
                self.actor_ref.exit(Shutdown("enough"))

        ref = Tired.start()
        ref.tell("one")
        ref.tell("two")
        assert ref.wait(DEADLINE)
        assert actor_of(ref).seen == ["one"]
        assert ref.exit_reason == Shutdown("enough")

    def test_the_first_of_two_signals_counts(self) -> None:
        ref = Recorder.start()
        ref.exit("first")
        ref.exit("second")
        assert ref.wait(DEADLINE)
        assert ref.exit_reason == Failure("first")

    def test_of_the_dead_does_nothing(self) -> None:
        ref = Recorder.start()
        ref.stop(timeout=DEADLINE)
        ref.exit("late")
        assert ref.exit_reason == NORMAL

    def test_stops_come_in_the_order_they_were_asked_for(self) -> None:
        order: list[int] = []

        class Noting(Actor):
            def __init__(self, number: int) -> None:
                super().__init__()
                self.number = number

            def on_stop(self) -> None:
                order.append(self.number)

        refs = [Noting.start(number) for number in range(5)]
        stops = [ref.stop(block=False) for ref in refs]
        assert [stop.get(timeout=DEADLINE) for stop in stops] == [True] * 5
        assert order == [0, 1, 2, 3, 4]
