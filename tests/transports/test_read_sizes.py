"""How much is read at a time: as much as is cheap, little of what is not complete."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from actors.runtime.dispatcher import get_dispatcher
from tests.support.listening import Listening, Recorder, listening
from tests.support.raw import Client, request
from tests.support.server import serve
from tests.support.site import Site
from transports.tcp.stream import DEAR_READ, FIRST_READ_SIZE, READ_SIZE, REQUEST_READ_SIZE, Stream


class Sized(Recorder):
    """Keeps the size of each read; ``cost`` is what a byte costs on the dispatcher's clock."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.sizes: list[int] = []

    def data_received(self, data: bytes) -> None:
        self.sizes.append(len(data))
        self.stream.dispatcher.clock.time += self.stream.dispatcher.clock.cost * len(data)
        super().data_received(data)


class Clock:
    """A clock that stands still but for what bytes cost."""

    def __init__(self) -> None:
        self.time, self.cost = 1000.0, 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(get_dispatcher(), "clock", clock)
    return clock


@pytest.fixture
def peer(clock: Clock) -> Iterator[tuple[Client, Sized, Listening]]:
    """Yield a client, the server's side of it, and what serves both."""
    with listening(Sized) as served, Client(served.address) as client:
        sized = served.newest()
        assert isinstance(sized, Sized)
        yield client, sized, served


def read_so_much(client: Client, peer: Sized, size: int) -> list[int]:
    """Return the sizes of the reads of ``size`` bytes that are there at once."""
    peer.sizes.clear()
    peer.data.clear()
    peer.stream.pause_reading()
    client.send(b"x" * (size - 3) + b"end")
    peer.stream.resume_reading()
    peer.wait_for(b"end")
    return peer.sizes


def test_reads_grow_while_bytes_are_cheap(peer: Any) -> None:
    sizes = read_so_much(peer[0], peer[1], 400_000)
    assert sizes[:5] == [FIRST_READ_SIZE << n for n in range(5)]
    assert max(sizes) == READ_SIZE


def test_reads_shrink_while_bytes_are_dear_and_grow_again(peer: Any, clock: Clock) -> None:
    read_so_much(peer[0], peer[1], 400_000)
    clock.cost = 3 * DEAR_READ / READ_SIZE
    sizes = read_so_much(peer[0], peer[1], 400_000)
    assert sizes[-2] * clock.cost <= DEAR_READ
    clock.cost = DEAR_READ
    assert set(read_so_much(peer[0], peer[1], 40_000)[-5:-1]) == {FIRST_READ_SIZE}
    clock.cost = 0.0
    assert max(read_so_much(peer[0], peer[1], 400_000)) == READ_SIZE


def test_a_limit_of_reads_is_kept_until_it_is_lifted(peer: Any) -> None:
    client, sized, _ = peer
    sized.stream.limit_reads(5000)
    assert max(read_so_much(client, sized, 100_000)) == 5000
    sized.stream.limit_reads(READ_SIZE)
    assert max(read_so_much(client, sized, 400_000)) == READ_SIZE


@pytest.mark.parametrize("framing", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_little_is_read_of_a_request_that_is_not_complete(
    monkeypatch: pytest.MonkeyPatch, framing: str
) -> None:
    sizes: list[int] = []
    real = Stream.adapt_read_size

    def noted(self: Any, size: int) -> None:
        sizes.append(size)
        real(self, size)

    monkeypatch.setattr(Stream, "adapt_read_size", noted)
    body = (
        b"x" * 100_000 if "Length" in framing else b"186a0\r\n" + b"x" * 100_000 + b"\r\n0\r\n\r\n"
    )
    site = Site()
    with serve(site.endpoint) as served, Client(served.address) as client:
        client.send(request("/echo", framing, method="POST") + body)
        assert client.answer().body == b"x" * 100_000
    assert sizes
    assert max(sizes) == REQUEST_READ_SIZE
