"""Polls for another machine while that cannot be reached: a cluster that does as it is told."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from actors.runtime.timers import Timers
from transports.longpoll import relay as relays
from transports.longpoll.intake import Intake
from transports.longpoll.options import LongPollOptions
from transports.longpoll.relay import AGAIN, PATIENCE, Relay
from transports.longpoll.session_table import SessionTable
from transports.longpoll.token import SessionToken

STEP = 1 / 64  # which adds up without an error
SOON = AGAIN + 2 * STEP
TOKEN = SessionToken("two-1", "1", "lp:0123", 7)
OPTIONS = LongPollOptions(window=10.0, pubsub_timeout=3.0)


class Far:
    """What another machine hears, while it can be reached. ``returns``: whether it may be back."""

    worker = "one-1"
    up = returns = notices = True

    def __init__(self) -> None:
        self.said: list[Any] = []

    def serve(self, kind: str, handler: Callable[..., object]) -> None:
        self.hears = handler

    def gone(self, callback: Callable[[str], object]) -> None:
        self.tell_gone = callback

    def reaches(self, worker: str) -> bool:
        return self.up

    def may_return(self, worker: str) -> bool:
        return self.returns

    def takes_notices(self, worker: str) -> bool:
        return self.up and self.notices

    def longest(self, worker: str) -> int:
        return 4_000_000

    def unsent(self, worker: str) -> int:
        return 0

    def notify(self, worker: str, kind: str, body: Any) -> bool:
        if self.up:
            self.said.append(body)
        return self.up

    def request(self, worker: str, kind: str, body: Any, timeout: float, reply: Any) -> bool:
        return self.notify(worker, kind, body)

    def says(self, *body: Any) -> None:
        self.hears("two-1", list(body), None)

    def breaks(self) -> None:
        self.up = False
        self.tell_gone("two-1")


class Client:
    """Who polls."""

    answer: Any = None

    def respond(self, response: Any, *, close: bool = False) -> None:
        assert self.answer is None
        self.answer = orjson.loads(response.body)

    def on_lost(self, callback: Callable[[], object], *, at_eof: bool = False) -> None:
        self.leave = callback


class Clock:
    """The time, and what is due."""

    def __init__(self) -> None:
        self.time = 100.0
        self.timers = Timers(lambda: self.time, lambda _: None)

    def clock(self) -> float:
        return self.time

    def go(self, seconds: float) -> None:
        until = self.time + seconds
        while self.time < until:
            self.time = min(until, self.time + STEP)
            self.timers.run(self.time)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(relays, "get_dispatcher", lambda: made)
    return made


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture
def sessions() -> SessionTable:
    return SessionTable(("s" * 32,), worker="one-1")


@pytest.fixture
def relay(far: Far, sessions: SessionTable, clock: Clock) -> Relay:
    return Relay(far, sessions)


@pytest.fixture
def poll(relay: Relay) -> Client:
    return begin(relay)


def begin(relay: Relay) -> Client:
    client = Client()
    relay.poll(TOKEN, client, OPTIONS, lambda: client.respond(SimpleNamespace(body=b"500")))
    return client


def ticket(far: Far) -> int:
    asked: int = far.said[-1][1]
    return asked


def test_poll_is_asked_again_when_the_link_is_back(far, poll, clock, relay):
    far.says("held", [ticket(far)])
    far.breaks()
    clock.go(1.0)
    assert poll.answer is None
    far.up = True
    clock.go(SOON)
    assert [each[0] for each in far.said] == ["poll", "poll"]
    assert far.said[0][2:] == far.said[1][2:]
    assert far.said[0][1] != far.said[1][1]
    far.says("answer", far.said[0][1], 200, b"1")  # which is late
    assert poll.answer is None
    far.says("answer", far.said[1][1], 200, b"2")
    assert poll.answer == 2
    assert not relay._waiting
    clock.go(100.0)


@pytest.mark.parametrize(("more", "lost"), [(-STEP, False), (0.0, True), (STEP, True)])
def test_session_is_lost_when_the_machine_stays_out_of_reach(far, clock, relay, more, lost):
    far.up = False
    assert relay.knows(TOKEN)
    poll = begin(relay)
    clock.go(PATIENCE + more)
    assert (poll.answer == 500) is lost
    far.up = True
    clock.go(SOON)
    assert (len(far.said) == 1) is not lost


def test_patience_begins_anew_when_the_machine_has_said_something(far, poll, clock):
    for _ in range(3):
        far.breaks()
        clock.go(PATIENCE - 2 * SOON)
        far.up = True
        clock.go(SOON)
        far.says("held", [ticket(far)])
        assert poll.answer is None
    far.breaks()
    clock.go(PATIENCE)
    assert poll.answer == 500


def test_poll_that_nobody_has_answered_or_held_is_asked_again(far, poll, clock):
    clock.go(OPTIONS.pubsub_timeout + SOON)
    assert len(far.said) == 2
    far.says("held", [ticket(far)])
    clock.go(OPTIONS.window - 1.0)
    assert poll.answer is None
    far.says("lost", ticket(far))
    assert poll.answer == 500


def test_poll_that_is_never_answered_is_lost(far, poll, clock):
    clock.go(2 * OPTIONS.pubsub_timeout + SOON)
    assert poll.answer == 500


def test_poll_that_was_held_and_is_not_answered_gets_its_own_token(far, poll, clock, sessions):
    far.says("held", [ticket(far)])
    clock.go(OPTIONS.pubsub_timeout + OPTIONS.window + 0.1)
    assert (poll.answer["status"], poll.answer["messages"]) == (204, [])
    assert sessions.verify(poll.answer["token"], 60.0) == TOKEN
    assert far.said[-1] == ["left", ticket(far)]


def test_client_that_leaves_meanwhile_is_not_asked_for(far, poll, clock, relay):
    far.breaks()
    poll.leave()
    far.up = True
    clock.go(100.0)
    assert len(far.said) == 1
    assert not relay._waiting


def test_session_of_another_worker_of_this_machine_is_lost_at_once(far, poll, relay):
    far.returns = False
    far.breaks()
    assert poll.answer == 500
    assert not relay.knows(TOKEN)


def test_post_is_not_sent_twice(far, relay, clock):
    client, intake = Client(), Intake(max_bytes=100, max_messages=10, max_held=1)
    share = intake.enter(1, 1)
    assert share is not None
    relay.post(TOKEN, ["x"], client, OPTIONS, share)
    far.breaks()
    assert client.answer == {"status": 410}
    far.up = True
    clock.go(100.0)
    assert len(far.said) == 1
