"""How many bytes a connection is made to hold by how few that were sent.

python -m benchmarks.held

It feeds the parsers of many connections, without sockets, and divides what tracemalloc counts.
"""

from __future__ import annotations

import gc
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from actors.errors import HTTPError
from transports.http.options import HTTPOptions
from transports.http.parser import RequestParser
from transports.websocket.deflate import Deflate
from transports.websocket.options import WebSocketOptions
from transports.websocket.protocol import Protocol

CONNECTIONS = 50
MASK = b"\x01\x02\x03\x04"
ASTRAL = "\U0001f600".encode()


def frame(first: int, payload: bytes) -> bytes:
    """Return a masked frame; ``first`` is its first byte."""
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    else:
        form = (126, 2) if size < 65_536 else (127, 8)
        head = bytes((first, 0x80 | form[0])) + size.to_bytes(form[1], "big")
    repeated = (MASK * (size // 4 + 1))[:size]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return head + MASK + mixed.to_bytes(size, "big")


def websocket() -> Callable[[bytes], Any]:
    options = WebSocketOptions(compress=True)
    deflate = Deflate(12, 12, options.max_inflate_ratio, options.max_message_size)
    return Protocol(options, lambda: 0.0, deflate).receive_data


def http() -> Callable[[bytes], Any]:
    parser = RequestParser(HTTPOptions())

    def feed(data: bytes) -> RequestParser:
        parser.receive_data(data)
        while parser.next_request() is not None:
            pass
        return parser

    return feed


def cases() -> Iterator[tuple[str, Callable[[], Callable[[bytes], Any]], list[bytes]]]:
    """Yield a name, what makes a connection, and what its client sends."""
    made = zlib.compressobj(9, zlib.DEFLATED, -12)
    small = made.compress(b"x" * 130_000) + made.flush(zlib.Z_SYNC_FLUSH)
    yield "unfinished compressed text", websocket, [frame(0x41, small)]
    piece = ASTRAL + b"x" * 1000
    pieces = [frame(0x01, piece), *[frame(0, piece)] * 500]
    yield "text fragments, an astral character each", websocket, pieces
    yield "text fragments of one byte", websocket, [frame(0x01, b"x"), *[frame(0, b"x")] * 1000]
    yield "unfinished binary frame", websocket, [frame(0x82, b"x" * 700_000)[:-1]]
    lines = b"".join(b"X-%d: %b\r\n" % (number, b"x" * 8000) for number in range(4))
    heads = [m + b" / HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n" for m in (b"GET", b"HEAD")]
    yield "idle after two heads of 32 KB", http, heads


def held(connect: Callable[[], Callable[[bytes], Any]], parts: list[bytes]) -> int:
    """Return the bytes that a connection holds which was sent ``parts``."""
    feeds = [connect() for _ in range(CONNECTIONS)]
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for feed in feeds:
            for part in parts:
                feed(bytes(bytearray(part)))  # a read of its own, as from a socket
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) // CONNECTIONS
    finally:
        tracemalloc.stop()


def chunks() -> Iterator[tuple[int, int, float]]:
    """Yield the size of chunks, and how many bytes of them were read in how many seconds."""
    for size in (1, 24, 1000):
        chunk = b"%x\r\n%b\r\n" % (size, b"x" * size)
        wire = chunk * (65_536 // len(chunk))
        best = float("inf")
        for _ in range(20):
            parser, data = RequestParser(HTTPOptions(max_chunk_framing=1_000_000)), wire
            parser.receive_data(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            began = time.perf_counter()
            parser.receive_data(data)
            parser.next_request()
            best = min(best, time.perf_counter() - began)
        yield size, len(wire), best


def cheapest_end() -> int:
    """Return how many bytes of one-byte chunks are read before they are refused."""
    feed, sent = http(), 0
    feed(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        while sent < 10_000_000:
            sent += 6
            feed(b"1\r\nx\r\n")
    except HTTPError:
        pass
    return sent


def main() -> None:
    """Print a line for each case."""
    for name, connect, parts in cases():
        sent = sum(map(len, parts))
        found = held(connect, parts)
        print(f"{name:<40} {sent:>8} bytes sent {found:>9} held {found / sent:>9.1f} x")
    for size, count, seconds in chunks():
        print(f"chunks of {size:<4} {count:>36} bytes in one read {seconds * 1e3:>9.2f} ms")
    print(f"one-byte chunks end after {cheapest_end():>22} bytes")


if __name__ == "__main__":
    main()
