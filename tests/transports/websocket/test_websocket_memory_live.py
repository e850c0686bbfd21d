"""What a client can make the server hold, measured from outside as the peak of its memory."""

from __future__ import annotations

import re
import signal
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from tests.support.command import Command
from tests.support.raw import CLOSE, PING, PONG, TEXT, Client, Frame, frame
from tests.transports.websocket.lab import say
from transports.websocket.deflate import Deflate

MIB = 1 << 20
OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"


class Server(Command):
    """A server whose memory can be asked for."""

    def connect(self, mount: str = "/echo", *lines: str) -> Client:
        client = Client(self.address)
        assert client.upgrade(f"{mount}/websocket", *lines).status == 101
        return client

    def _status(self, name: str) -> int:
        text = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(rf"{name}:\s+(\d+) kB", text)
        assert found is not None
        return int(found[1]) * 1024

    def mark(self) -> None:
        """Begin to measure."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")
        self._marked = self._status("VmRSS")

    def peak(self) -> int:
        """Return the bytes that the process grew by since :meth:`mark`, at the worst moment."""
        return self._status("VmHWM") - self._marked

    def growth(self) -> int:
        """Return the bytes that it has grown by and still holds."""
        return self._status("VmRSS") - self._marked


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server("tests.transports.websocket.memory_endpoint:endpoint") as started:
        with started.connect() as client:  # what a first large message allocates is kept for all
            for _ in range(3):
                client.send(frame(TEXT, "x" * MIB))
                assert len(client.frame().payload) == MIB
        yield started
        with started.connect() as client:
            assert say(client, "still here") == Frame(TEXT, b"still here")
        started.signal(signal.SIGTERM)
        assert started.ended() == 0
        assert "Traceback" not in "\n".join(started.lines)


@pytest.mark.parametrize(("top", "code"), [(0x40, 1009), (0x80, 1002), (0xFF, 1002)])
def test_a_huge_length_costs_nothing(server: Server, top: int, code: int) -> None:
    clients = [server.connect() for _ in range(20)]
    server.mark()
    start = time.monotonic()
    for client in clients:
        client.send(bytes((0x82, 0xFF, top)) + bytes(7))
        assert client.frame().code == code
    assert time.monotonic() - start < 20 * 0.1
    assert server.peak() < MIB
    for client in clients:
        client.close()


@pytest.mark.parametrize("size", [1, 60_000])
def test_a_flood_of_fragments_is_bounded_by_the_limits_of_one_message(
    server: Server, size: int
) -> None:
    with server.connect() as client:
        server.mark()
        fragments = frame(0, "x" * size, fin=False) * (60_000_000 // (size + 10) // 10)
        sending = gevent.spawn(flood, client, frame(TEXT, "x", fin=False), fragments)
        assert client.frame().code == (1008 if size == 1 else 1009)
        sending.kill()
        assert server.peak() < 4 * MIB


def flood(client: Client, first: bytes, rest: bytes) -> None:
    try:
        client.send(first)
        for _ in range(10):
            client.send(rest)
    except OSError:
        pass  # the server has had enough, as it should


def test_a_flood_of_pings_whose_answers_are_not_read_is_bounded(server: Server) -> None:
    with server.connect("/pings") as client:
        server.mark()
        count = 100_000
        for start in range(0, count, 1000):
            client.send(b"".join(frame(PING, f"{n:0125}") for n in range(start, start + 1000)))
        with server.connect() as other:
            for _ in range(3):
                assert say(other, "x") == Frame(TEXT, b"x")
        assert server.peak() < 2 * MIB
        answer = client.frame()
        while int(answer.payload) < count - 1:
            answer = client.frame()
        assert answer.opcode == PONG


@pytest.mark.parametrize("mount", ["/deflate", "/lavish"])
def test_a_bomb_of_256_mib_is_1009_and_bounded(server: Server, mount: str) -> None:
    made = zlib.compressobj(9, zlib.DEFLATED, -12)
    zeros = bytes(MIB)
    bomb = b"".join(made.compress(zeros) for _ in range(256)) + made.flush(zlib.Z_SYNC_FLUSH)
    with server.connect(mount, OFFER) as client:
        server.mark()
        client.send(frame(TEXT, bomb, rsv=4))
        assert client.frame().code == 1009
        assert server.peak() < 8 * MIB


def test_many_small_bombs_in_one_read_are_bounded(server: Server) -> None:
    payload = zlib.compressobj(9, zlib.DEFLATED, -12)
    bomb = payload.compress(bytes(128_000)) + payload.flush(zlib.Z_SYNC_FLUSH)
    with server.connect("/deflate", OFFER) as client:
        server.mark()
        client.send(frame(TEXT, bomb[:-4], rsv=4) * 300)
        answer = client.frame()
        while answer.opcode != CLOSE:
            answer = client.frame()
        assert answer.code == 1009
        assert server.peak() < 12 * MIB


def test_an_idle_connection_that_compresses_holds_no_window(server: Server) -> None:
    peer = Deflate(12, 15, 25, MIB)
    count = 200
    sent = frame(TEXT, peer.compress(b"hello " * 100), rsv=4)
    with server.connect("/deflate", OFFER) as client:
        client.send(sent)
        client.frame()
        server.mark()
    clients = [server.connect("/deflate", OFFER) for _ in range(count)]
    for client in clients:
        client.send(sent)
    for client in clients:
        assert client.frame().rsv == 4
    # zlib's two windows alone would be 64 KiB.
    assert server.growth() / count < 10_000
    for client in clients:
        client.close()


def test_a_client_that_never_reads_is_held_for_up_to_its_queue_and_dropped(server: Server) -> None:
    with server.connect() as client, server.connect() as other:
        server.mark()
        for each in (client, other):
            each.send(frame(TEXT, "more"))
        for _ in range(300):
            assert len(other.frame().payload) == 65_536
        assert server.peak() < 6 * MIB
        answer = client.frame()
        while answer.opcode == TEXT:
            answer = client.frame()
        assert answer == Frame(CLOSE, b"\x03\xf0slow consumer")
