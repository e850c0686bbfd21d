"""What a client sends and reads: HTTP/1.1 (RFC 9112), WebSocket (RFC 6455), long polls.

The one codec of clients, for the drills and for the tests. It stands here because drills are
installed with the package and tests are not. It has no I/O: functions make bytes, and ``take_...``
takes one complete thing off the front of a buffer, or returns ``None`` and leaves the buffer alone.
A client under test must be able to be wrong, so nothing that is sent is checked.
"""

from __future__ import annotations

import json
import struct
from typing import Any, Final, NamedTuple
from urllib.parse import quote

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT: Final = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What a server answers to KEY (RFC 6455 §1.3)."""

MASK: Final = b"\x01\x02\x03\x04"
"""A mask protects what is between client and server (RFC 6455 §10.3): here that is nothing."""

NO_BODY: Final = frozenset({101, 204, 304})
"""Statuses whose responses end with their head (RFC 9112 §6.3)."""


class Answer(NamedTuple):
    """A response. Names of headers are in lower case.

    ``headers``: the last of a name wins; ``lines``: all of them, in order.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    lines: tuple[tuple[str, str], ...] = ()

    @property
    def json(self) -> dict[str, Any]:
        """The body, decoded; an empty object where it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Frame(NamedTuple):
    """One frame as it came; ``rsv`` is the three bits as a number, RSV1 highest."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0

    @property
    def code(self) -> int | None:
        """The code of a Close frame; ``None`` where it has none."""
        return int.from_bytes(self.payload[:2], "big") if len(self.payload) >= 2 else None


# -- HTTP


def request(
    target: str = "/",
    *lines: str,
    method: str = "GET",
    host: str | None = "localhost",
    body: bytes = b"",
    version: str = "1.1",
) -> bytes:
    """Return a request. ``lines`` are further header lines; a body brings its content-length."""
    head = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        head.append(f"Host: {host}")
    head += lines
    if body:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def take_answer(buffer: bytearray, *, head_only: bool = False) -> Answer | None:
    """Take a response. Without a content-length it has no body.

    ``head_only``: it answers a HEAD, so it may have a content-length and has no body.
    """
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        return None
    first, *rest = buffer[:end].decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in rest)
    lines = tuple((name.lower(), value.strip()) for name, _, value in pairs)
    status, headers = int(first.split(" ")[1]), dict(lines)
    bare = head_only or status in NO_BODY
    start, size = end + 4, 0 if bare else int(headers.get("content-length", "0"))
    if len(buffer) < start + size:
        return None
    body = bytes(buffer[start : start + size])
    del buffer[: start + size]
    return Answer(status, headers, body, lines)


# -- WebSocket


def upgrade(
    target: str, *lines: str, host: str | None = "localhost", **changed: str | None
) -> bytes:
    """Return a WebSocket upgrade. ``sec_websocket_key="x"`` changes a header, ``None`` drops it."""
    headers: dict[str, str | None] = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": KEY,
        "sec-websocket-version": "13",
    }
    headers.update((name.replace("_", "-"), value) for name, value in changed.items())
    kept = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return request(target, *kept, *lines, host=host)


def frame(
    opcode: int,
    payload: bytes | str = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = MASK,
    length_bits: int | None = None,
) -> bytes:
    """Return a frame as a client sends it; ``mask=None`` leaves it unmasked.

    ``length_bits``: 7, 16 or 64, where the length is not to have its shortest form.
    """
    data = payload.encode() if isinstance(payload, str) else payload
    bits = length_bits or (7 if len(data) < 126 else 16 if len(data) < 65536 else 64)
    first, masked = fin << 7 | rsv << 4 | opcode, 0 if mask is None else 0x80
    head = bytes([first, masked | {7: len(data), 16: 126, 64: 127}[bits]])
    if bits > 7:
        head += len(data).to_bytes(bits // 8, "big")
    if mask is None:
        return head + data
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")
    return head + mask + mixed.to_bytes(len(data), "big")


def close_frame(code: int | None = 1000, reason: str = "") -> bytes:
    """Return a Close frame."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason.encode())


def take_frame(buffer: bytearray) -> Frame | None:
    """Take a frame of a server. Raise ``ValueError`` if it is masked (RFC 6455 §5.1)."""
    if len(buffer) < 2:
        return None
    first, size, start = buffer[0], buffer[1], 2
    if size > 127:
        raise ValueError("a server sent a masked frame")
    if size > 125:
        start = 4 if size == 126 else 10
        if len(buffer) < start:
            return None
        size = int.from_bytes(buffer[2:start], "big")
    if len(buffer) < start + size:
        return None
    payload = bytes(buffer[start : start + size])
    del buffer[: start + size]
    return Frame(first & 15, payload, first > 127, first >> 4 & 7)


# -- long polls


class Polling:
    """A long-poll session as its client knows it: ``path``, and the ``token`` that came last."""

    def __init__(self, path: str, token: str = "") -> None:
        self.path = path
        self.token = token

    def target(self, token: str | None = None) -> str:
        """Return the target of its requests, with another ``token`` where one is given."""
        given = self.token if token is None else token
        mark = "&" if "?" in self.path else "?"
        return f"{self.path}{mark}token={quote(given)}" if given else self.path

    def poll(self, *lines: str, token: str | None = None) -> bytes:
        """Return the request of a poll."""
        return request(self.target(token), *lines)

    def post(self, body: bytes | str, *lines: str, token: str | None = None) -> bytes:
        """Return the request that sends a message."""
        data = body.encode() if isinstance(body, str) else body
        return request(self.target(token), *lines, method="POST", body=data)

    def adopt(self, answer: Answer) -> dict[str, Any]:
        """Return the body of an answer, and keep the token that it brings, if it brings one."""
        body = answer.json
        self.token = body.get("token") or self.token
        return body
