"""``clock``: timers run when the test says so, each at its time."""

from __future__ import annotations

import time

import gevent
import pytest
from gevent.event import Event

from actors import Actor, Channel, ChannelSocket, Ok
from actors.runtime.dispatcher import get_dispatcher


class Ticker(Actor):
    def __init__(self):
        super().__init__()
        self.ticks = []

    def on_receive(self, message):
        timers = self.dispatcher.timers
        if message == "tick":
            self.ticks.append(timers.now())
            self.send_after(3, "tick")
        else:
            self.ticks.append((message, timers.now()))


@pytest.fixture
def ticker(clock):
    ref = Ticker.start()
    ref.tell("tick")
    clock.settle()
    return ref.actor_inbox.actor


def test_time_stands_still(clock, ticker):
    assert (clock.now, ticker.ticks) == (0.0, [0.0])
    clock.advance(2.9)
    assert ticker.ticks == [0.0]


def test_each_timer_runs_at_its_time(clock, ticker):
    ticker.send_after(4, "once")
    ticker.send_after(4.5, "late").cancel()
    clock.advance(7)
    assert ticker.ticks == [0.0, 3.0, ("once", 4.0), 6.0]
    assert clock.now == 7.0
    clock.advance(2)
    assert ticker.ticks[-1] == 9.0


def test_what_is_due_at_once_needs_no_time(clock, ticker):
    ticker.send_after(0, "now")
    clock.settle()
    assert ticker.ticks[-1] == ("now", 0.0)
    clock.advance(0)
    assert clock.now == 0.0


def test_an_hour_takes_no_time(clock, ticker):
    began = time.monotonic()
    clock.advance(3600)
    assert len(ticker.ticks) == 1201
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("seconds", [-1, float("nan")])
def test_time_goes_forward(clock, seconds):
    with pytest.raises(ValueError, match="0 seconds or more"):
        clock.advance(seconds)


def test_a_timer_that_raises_is_a_crash_that_is_told(sockets, clock):
    def fail():
        raise ValueError("on purpose")

    get_dispatcher().timers.call_later(1, fail)
    clock.advance(1)
    assert [str(error) for error in sockets.crashed] == ["on purpose"]


def test_actors_that_never_rest_are_said_to(clock, monkeypatch):
    class Restless(Actor):
        def on_receive(self, message):
            self.actor_ref.tell(message)

    monkeypatch.setattr("actors.testing.stage.DEADLINE", 0.05)
    ref = Restless.start()
    ref.tell("again")
    with pytest.raises(RuntimeError, match="do not come to rest within"):
        clock.settle()
    ref.kill()


class SlowJoin(Channel):
    entered = Event()

    def join(self, topic, payload):
        Event().wait()
        return Ok()


class LateJoin(Channel):
    join_timeout = 2

    def join(self, topic, payload):
        gevent.sleep(0.01)  # is not virtual
        return Ok()


class UserSocket(ChannelSocket):
    channels = {"slow": SlowJoin, "late": LateJoin}
    max_join_rate = 1
    max_channels = 2


def test_a_join_that_blocks_ends_by_its_timeout(channels, clock):
    slow = channels.connect(UserSocket).join("slow")
    clock.advance(14.9)
    slow.refute_reply(slow.join_ref, within=0)
    clock.advance(0.1)
    slow.assert_reply(slow.join_ref, "error", {"reason": "join timeout"})


def test_a_sleep_is_real(channels, clock):
    channels.connect(UserSocket).subscribe_and_join("late")
    late = channels.connect(UserSocket).join("late")
    clock.advance(2)
    late.assert_reply(late.join_ref, "error", {"reason": "join timeout"})


def test_rates_are_counted_by_it(channels, clock):
    socket = channels.connect(UserSocket)
    answers = [socket.join("nowhere").join_ref for _ in range(3)]
    for ref, reason in zip(answers, ["unmatched topic"] * 2 + ["too many joins"], strict=True):
        socket.assert_reply(ref, "error", {"reason": reason})
    clock.advance(1)
    socket.assert_reply(socket.join("nowhere").join_ref, "error", {"reason": "unmatched topic"})
