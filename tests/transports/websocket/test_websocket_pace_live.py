"""Clients that send a message too slowly, or too many of them, over real sockets."""

from __future__ import annotations

from typing import Any

import pytest

from actors.reasons import Shutdown
from tests.support.raw import CLOSE, PING, PONG, TEXT, Client, Frame, close_frame, frame
from tests.support.waiting import eventually
from tests.transports.websocket.lab import DEADLINE, Lab, say
from transports.websocket import read_rate

LONG = 30.0


def server_side(lab: Lab, client: Client) -> Any:
    """Return the WebSocketConnection of ``client``."""
    (found,) = [s for s in lab.served.streams if s.peer == client.sock.getsockname()]
    return found.protocol


@pytest.mark.parametrize(
    "begun",
    [frame(TEXT, "unfinished", fin=False), frame(TEXT, "unfinished")[:-1], b"\x81"],
    ids=["fragment", "frame", "header"],
)
@pytest.mark.parametrize("timeout", [None, LONG])
def test_message_that_does_not_end_is_1008(begun: bytes, timeout: float | None) -> None:
    with Lab(message_timeout=0.3, timeout=timeout) as lab, lab.connect() as client:
        assert say(client, "before").payload == b"before"
        client.send(begun)
        if begun[:1] == b"\x01":  # what comes between is no part of it, and saves nobody
            client.send(frame(PING, b"p"))
            assert client.frame() == Frame(PONG, b"p")
        last = client.frame()
        assert (last.opcode, last.code) == (CLOSE, 1008)
        assert lab.reason() == Shutdown("message_timeout")
        client.send(close_frame(1008))
        assert client.read_to_end() == b""


def test_messages_that_end_in_time_may_go_on_for_longer() -> None:
    """A stream of them, cut so that one is always unfinished, for several deadlines."""
    with Lab(message_timeout=1.0) as lab, lab.connect() as client, lab.connect() as other:
        data = frame(TEXT, "x" * 1000)
        client.send(data[:500])
        for _ in range(2):  # this one tells the time: it is closed when a deadline is over
            with lab.connect() as clock:
                clock.send(b"\x81")
                while not clock_is_over(clock):
                    client.send(data[500:] + data[:500])
                    assert client.frame() == Frame(TEXT, b"x" * 1000)
        assert say(other, "idle").payload == b"idle"


def clock_is_over(clock: Client) -> bool:
    clock.sock.settimeout(0.02)
    try:
        return clock.frame().code == 1008
    except TimeoutError:
        return False


def test_time_of_a_message_stands_still_while_its_socket_is_busy() -> None:
    with Lab(message_timeout=1.0, timeout=None) as lab, lab.connect() as client:
        client.send(frame(TEXT, "block") + frame(TEXT, "x") * 300 + frame(TEXT, "last")[:-1])
        assert lab.entered.wait(DEADLINE)
        eventually(lambda: server_side(lab, client).stream.paused)
        with lab.connect() as clock:
            clock.send(b"\x81")
            assert clock.frame().code == 1008
        assert lab.reason() == Shutdown("message_timeout")
        assert not server_side(lab, client).stream.closing
        lab.release.set()
        client.send(frame(TEXT, "last")[-1:])
        for _ in range(300):
            assert client.frame().payload == b"x"
        assert client.frame() == Frame(TEXT, b"last")
        assert lab.reasons.empty()


def test_without_a_deadline_a_message_may_take_for_ever() -> None:
    with Lab(message_timeout=None, timeout=None) as lab, lab.connect() as client:
        client.send(b"\x81")
        lab.wait_read()
        assert server_side(lab, client)._timer is None


# -- the rate


def test_client_that_sends_too_many_messages_is_not_read_from_for_a_while() -> None:
    with Lab(max_read_rate=20) as lab, lab.connect() as client, lab.connect() as other:
        stream = server_side(lab, client).stream
        client.send(frame(TEXT, "x") * 25)
        eventually(lambda: stream.paused)
        assert [client.frame().payload for _ in range(25)] == [b"x"] * 25
        client.send(frame(TEXT, "later"))
        assert say(other, "hi").payload == b"hi"
        assert client.frame().payload == b"later"
        assert not stream.paused
        assert lab.reasons.empty()


def test_client_within_the_rate_is_never_paused() -> None:
    with Lab(max_read_rate=20) as lab, lab.connect() as client:
        stream = server_side(lab, client).stream
        client.send(frame(TEXT, "x") * 10)
        assert [client.frame().payload for _ in range(10)] == [b"x"] * 10
        assert not stream.paused


def test_who_is_too_fast_for_too_long_is_1008(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_rate, "MAX_PAUSE", 0.3)
    with Lab(max_read_rate=10, message_timeout=0.1) as lab, lab.connect() as client:
        client.send(frame(TEXT, "x") * 100 + b"\x81")  # the deadline of that one stands still
        frames = [client.frame() for _ in range(101)]
        assert (frames[-1].opcode, frames[-1].code) == (CLOSE, 1008)
        assert lab.reason() == Shutdown("flood")


def test_two_reasons_not_to_read_must_both_be_over() -> None:
    with Lab(max_read_rate=10) as lab, lab.connect() as client:
        held = server_side(lab, client)
        client.send(frame(TEXT, "block"))
        assert lab.entered.wait(DEADLINE)
        client.send(frame(TEXT, "x") * 200)
        eventually(lambda: held._busy and held._rest is not None)
        lab.release.set()
        assert [client.frame().payload for _ in range(200)] == [b"x"] * 200
        eventually(lambda: not held._busy)
        assert held.stream.paused
