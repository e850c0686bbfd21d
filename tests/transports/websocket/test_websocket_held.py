"""What an unfinished message holds, in bytes, and for how long."""

from __future__ import annotations

import os
import tracemalloc
import zlib
from typing import Any

import pytest

from tests.support.raw import BINARY, PING, TEXT, frame
from tests.transports.websocket.test_websocket_protocol import Peer

CONT = 0
SPARE = 4096
ASTRAL = "\U0001f600".encode()


def held(parts: list[bytes], *, compress: bool = False, **options: Any) -> int:
    """Return the bytes that a protocol holds which has received ``parts``."""
    peer = Peer(compress=compress, **options)
    peer.feed(frame(TEXT, "warm", fin=False), frame(CONT, "up"))
    peer.events.clear()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for part in parts:
            peer.feed(part)
        found = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert peer.events == []
    assert peer.code is None
    return found


def fragments(opcode: int, payload: bytes, size: int) -> list[bytes]:
    pieces = [payload[i : i + size] for i in range(0, len(payload), size)]
    return [frame(CONT if i else opcode, one, fin=False) for i, one in enumerate(pieces)]


@pytest.mark.parametrize(
    "parts",
    [
        [],
        fragments(TEXT, b"x" * 1000, 1),
        fragments(BINARY, b"x" * 1000, 1),
        fragments(TEXT, ASTRAL * 250, 1),
        fragments(TEXT, ASTRAL + b"x" * 500_000, 1000),
        fragments(TEXT, ASTRAL * 200_000, 65_536),
        fragments(BINARY, b"x" * 700_000, 700_000),
        [frame(TEXT, "x" * 700_000)[:-1]],
        [frame(TEXT, ASTRAL.decode() * 100_000)[i : i + 1000] for i in range(0, 399_000, 1000)],
        [*fragments(TEXT, ASTRAL * 100_000, 65_536), frame(CONT, "x" * 500_000)[:-1]],
    ],
    ids=lambda parts: f"{len(parts)} of {sum(map(len, parts))}",
)
def test_no_more_than_twice_what_came(parts: list[bytes]) -> None:
    assert held(parts) <= 2 * sum(map(len, parts)) + SPARE


def test_compressed_message_is_kept_as_it_came() -> None:
    made = zlib.compressobj(9, zlib.DEFLATED, -12)
    payload = made.compress(b"x" * 500_000) + made.flush(zlib.Z_SYNC_FLUSH)
    assert len(payload) < 1000
    part = frame(TEXT, payload, fin=False, rsv=4)
    assert held([part], compress=True) <= 2 * len(part) + SPARE


# -- since when


@pytest.mark.parametrize("text", [b"x" * 70_000, os.urandom(70_000).hex().encode()])
def test_message_begins_with_its_first_byte(text: bytes) -> None:
    peer = Peer()
    assert not peer.protocol.unfinished
    first, second, third = frame(TEXT, text), frame(TEXT, "a", fin=False), frame(CONT, "b")
    peer.now = 1.0
    peer.feed(first[:1])
    for at, (start, stop) in enumerate([(1, 3), (3, 9), (9, 20), (20, len(first) - 1)], 2):
        peer.now = float(at)
        peer.feed(first[start:stop])
        assert (peer.protocol.unfinished, peer.protocol.began) == (True, 1.0)
    peer.now = 7.0
    peer.feed(first[-1:] + second[:2])
    assert (peer.protocol.unfinished, peer.protocol.began) == (True, 7.0)
    peer.now = 8.0
    peer.feed(second[2:])
    peer.now = 9.0
    peer.feed(frame(PING)[:3], frame(PING)[3:], frame(CONT, "c", fin=False), third[:4])
    assert (peer.protocol.unfinished, peer.protocol.began) == (True, 7.0)
    peer.feed(third[4:])
    assert not peer.protocol.unfinished


def test_each_message_of_a_read_begins_anew() -> None:
    peer = Peer()
    whole = frame(TEXT, "x" * 5000)
    data = whole * 10
    for at, start in enumerate(range(0, len(data), 6000)):
        peer.now = float(at)
        peer.feed(data[start : start + 6000])
        if peer.protocol.unfinished:
            assert peer.protocol.began == at
    assert len(peer.events) == 10
    peer.now = 20.0
    peer.feed(frame(TEXT, "a", fin=False))
    peer.now = 21.0
    peer.feed(frame(CONT, "b") + frame(TEXT, "c", fin=False))
    assert (peer.protocol.unfinished, peer.protocol.began) == (True, 21.0)
    peer.feed(frame(CONT, "d"))
    peer.now = 22.0
    peer.feed(frame(TEXT, "x" * 200)[:100])
    assert peer.protocol.began == 22.0
