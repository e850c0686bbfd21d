"""Native threads: they tell, ask and start; and Pykka's actors on threads talk with ours."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import gevent
import pykka
import pytest

from actors.errors import MailboxFull
from actors.runtime import Actor, StartError
from tests.support.recorder import Recorder, actor_of, joined
from tests.support.waiting import DEADLINE, eventually

ROOT = Path(__file__).resolve().parents[3]


class TestStarting:
    def test_runs_where_the_loop_is(self) -> None:
        started: list[Any] = []

        class Looking(Actor):
            def on_start(self) -> None:
                gevent.sleep(0)  # it may block there
                started.append(threading.get_ident())

        thread = threading.Thread(target=Looking.start)
        thread.start()
        joined(thread)
        assert started == [threading.get_ident()]

    @pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
    @pytest.mark.parametrize("where", ["__init__", "on_start"])
    def test_a_failure_is_the_starters(self, error: BaseException, where: str) -> None:
        def failing(self: Any) -> None:
            raise error

        broken = type("Broken", (Actor,), {where: failing})
        caught: list[BaseException] = []

        def starting() -> None:
            try:
                broken.start()
            except (StartError, ValueError, SystemExit) as found:
                caught.append(found)

        thread = threading.Thread(target=starting)
        thread.start()
        joined(thread)
        assert isinstance(caught[0], StartError if where == "on_start" else type(error))


class TestOfAnotherThread:
    def test_each_keeps_its_order(self) -> None:
        ref = Recorder.start()
        threads = [
            threading.Thread(target=lambda k=k: [ref.tell((k, n)) for n in range(200)])
            for k in range(4)
        ]
        for thread in threads:
            thread.start()
        eventually(lambda: len(actor_of(ref).seen) == 800)
        for thread in threads:
            thread.join()
        for k in range(4):
            assert [n for of, n in actor_of(ref).seen if of == k] == list(range(200))

    def test_what_does_not_fit_is_logged_or_answered(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        class Small(Recorder):
            mailbox_messages = 1

        ref = Small.start()
        ref.tell("block")
        assert actor_of(ref).entered.wait(DEADLINE)
        ref.tell("fills it")
        answers: list[Any] = []

        def elsewhere() -> None:
            ref.tell("lost")
            answers.append(ref.ask("refused", block=False))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        joined(thread)
        with pytest.raises(MailboxFull):
            answers[0].get(timeout=DEADLINE)
        assert "a message of another thread was dropped" in caplog.text

    def test_what_cannot_be_weighed_is_answered(self) -> None:
        class Odd:
            def __sizeof__(self) -> int:
                raise ValueError("weightless")

        ref = Recorder.start()
        answers: list[Any] = []
        thread = threading.Thread(target=lambda: answers.append(ref.ask(Odd(), block=False)))
        thread.start()
        joined(thread)
        with pytest.raises(ValueError, match="weightless"):
            answers[0].get(timeout=DEADLINE)
        assert ref.ask("on", timeout=DEADLINE) == "on"


class Native(pykka.ThreadingActor):
    use_daemon_thread = True

    def __init__(self, other: Any = None) -> None:
        super().__init__()
        self.other = other

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, tuple):  # (a question, who wants the answer)
            message[1].tell(message[0].upper())
            return None
        return self.other.ask(message, timeout=DEADLINE)


class TestPykkasThreadingActor:
    def test_asks_ours(self) -> None:
        ours = Recorder.start()
        native = Native.start(ours)
        future = native.ask("through", block=False)
        assert actor_of(ours).news.wait(DEADLINE)
        assert future.get(timeout=DEADLINE) == "through"
        native.stop(timeout=DEADLINE)

    def test_uses_a_proxy_of_ours(self) -> None:
        ours = Recorder.start()

        class Calling(pykka.ThreadingActor):
            use_daemon_thread = True

            def on_receive(self, message: Any) -> Any:
                return ours.proxy().double(message).get(timeout=DEADLINE)

        native = Calling.start()
        future = native.ask(21, block=False)
        eventually(lambda: future._result is not None)
        assert future.get(timeout=DEADLINE) == 42
        native.stop(timeout=DEADLINE)

    def test_learns_of_our_crash(self) -> None:
        class Strict(Recorder):
            crash_on_ask = True

        ours = Strict.start()
        native = Native.start(ours)
        future = native.ask(ValueError("no"), block=False)
        assert ours.wait(DEADLINE)
        with pytest.raises(ValueError, match="no"):
            future.get(timeout=DEADLINE)
        native.stop(timeout=DEADLINE)

    def test_is_told_by_ours_and_tells_the_answer(self) -> None:
        native = Native.start()

        class Telling(Recorder):
            def on_receive(self, message: Any) -> Any:
                if message == "go":
                    native.tell(("question", self.actor_ref))
                else:
                    super().on_receive(message)

        ours = Telling.start()
        ours.tell("go")
        assert actor_of(ours).news.wait(DEADLINE)
        assert actor_of(ours).seen == ["QUESTION"]
        native.stop(timeout=DEADLINE)

    def test_of_a_patched_process_may_be_asked_by_ours(self) -> None:
        code = """
from gevent import monkey; monkey.patch_all()
import pykka
from actors.runtime import Actor

class Native(pykka.ThreadingActor):
    def on_receive(self, message):
        return message.upper()

native = Native.start()

class Asking(Actor):
    def on_receive(self, message):
        return native.ask(message, timeout=5)

print(Asking.start().ask("question", timeout=5))
native.stop()
"""
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.stdout.strip() == "QUESTION", done.stderr
