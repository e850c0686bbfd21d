"""An actor that keeps what it is told, and what tests ask about it."""

from __future__ import annotations

from typing import Any

from gevent.event import Event

from actors.messages import Down
from actors.runtime import Actor, get_dispatcher
from tests.support.waiting import DEADLINE, eventually


class Recorder(Actor):
    """Keeps what it is told; ``block`` parks its handler on an event."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []
        self.ended: list[Any] = []
        self.entered = Event()
        self.release = Event()
        self.news = Event()

    def on_receive(self, message: Any) -> Any:
        if message == "block":
            self.entered.set()
            self.release.wait()
        if isinstance(message, BaseException):
            raise message
        self.seen.append(message)
        self.news.set()
        return message

    def on_stop(self) -> None:
        self.ended.append("stop")

    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.ended.append(exception_value)

    def double(self, number: int) -> int:
        return number * 2


def actor_of(ref: Any) -> Any:
    return ref.actor_inbox.actor


def watched(ref: Any) -> Any:
    """Return the ref of a recorder that monitors ``ref``."""
    watcher = Recorder.start()
    actor_of(watcher).monitor(ref)
    return watcher


def wait_until_down(watcher: Any) -> Down:
    actor = actor_of(watcher)
    assert actor.news.wait(DEADLINE)
    down = actor.seen[-1]
    assert isinstance(down, Down)
    return down


def rounds_pass(count: int = 2) -> None:
    """Let ``count`` whole rounds of turns go by."""
    rounds = get_dispatcher().rounds
    for _ in range(count):
        before = rounds.number
        rounds.watch()
        eventually(lambda before=before: rounds.number > before)


def joined(thread: Any) -> None:
    """Let the loop turn until a native thread has ended."""
    eventually(lambda: not thread.is_alive())
