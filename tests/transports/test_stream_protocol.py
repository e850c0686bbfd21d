"""What a stream and a server call on a protocol, also on one that was written for 0.1."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.timers import Timers
from transports import StreamProtocol
from transports.tcp.protocol import whole
from transports.tcp.stream import Stream


class Three:
    def __init__(self) -> None:
        self.calls: list[Any] = []

    def data_received(self, data: bytes) -> None:
        self.calls.append(data)

    def eof_received(self) -> None:
        self.calls.append("eof")

    def connection_lost(self, error: Exception | None) -> None:
        self.calls.append(error)


class Four(Three):
    def drain(self) -> None:
        self.calls.append("drain")


def call_all(protocol: StreamProtocol) -> None:
    protocol.data_received(b"data")
    protocol.eof_received()
    protocol.announce_end()
    protocol.keep_until(1.0)
    protocol.drain()
    protocol.end_now()
    protocol.connection_lost(None)


@pytest.mark.parametrize(
    ("kind", "calls"),
    [(Three, [b"data", "eof", None]), (Four, [b"data", "eof", "drain", None])],
)
def test_one_for_0_1_is_called_as_it_was_and_told_what_to_inherit(
    kind: type[Three], calls: list[Any]
) -> None:
    given = kind()
    with pytest.warns(DeprecationWarning, match=f"^{kind.__name__} does not inherit"):
        call_all(whole(given))
    assert given.calls == calls


def test_one_that_inherits_is_taken_as_it_is_and_needs_no_more_than_three() -> None:
    given = type("Mine", (Three, StreamProtocol), {})()
    assert whole(given) is given
    call_all(given)
    assert given.calls == [b"data", "eof", None]


def test_a_timer_that_nobody_takes_over_is_cancelled() -> None:
    timers = Timers(lambda: 100.0, lambda _: None)
    protocol = type("Mine", (Three, StreamProtocol), {})()
    protocol.begin_deadlines(None)
    protocol.begin_deadlines(timers.call_later(1.0, lambda: None))
    assert len(timers) == 0


def test_a_timer_is_cancelled_where_the_stream_is_gone() -> None:
    timers, protocol = Timers(lambda: 100.0, lambda _: None), Three()
    ours, peer = socket.socketpair()
    with ours, peer:
        stream = Stream(ours, ("127.0.0.1", 1), get_dispatcher())
        stream.fd = -1
        stream.hand_over(protocol, timers.call_later(1.0, lambda: None))
        stream.hand_over(protocol)
    assert protocol.calls == [None, None]
    assert len(timers) == 0
