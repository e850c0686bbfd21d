"""A client that sends exactly the bytes it is told: HTTP/1.1 and WebSocket, plain or TLS.

It waits on gevent's hub, so it may share a thread with the server. Each wait has a deadline.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple, Self

from gevent import socket

if TYPE_CHECKING:
    import ssl

DEADLINE = 20.0
"""Seconds that each read or write may take before the test fails with ``TimeoutError``."""

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What a server answers to KEY (RFC 6455 §1.3)."""

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Answer(NamedTuple):
    """A response; header names are in lower case, the last of a name wins."""

    status: int
    headers: dict[str, str]
    body: bytes


class Frame(NamedTuple):
    """One frame as it came."""

    opcode: int
    payload: bytes
    fin: bool = True
    rsv: int = 0

    @property
    def code(self) -> int | None:
        """The code of a Close frame; ``None`` where it has none."""
        return struct.unpack("!H", self.payload[:2])[0] if len(self.payload) >= 2 else None


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


def upgrade(target: str, *lines: str, **changed: str | None) -> bytes:
    """Return a WebSocket upgrade. ``sec_websocket_key="x"`` changes a header, ``None`` drops it."""
    headers: dict[str, str | None] = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-key": KEY,
        "sec-websocket-version": "13",
    }
    headers.update((name.replace("_", "-"), value) for name, value in changed.items())
    kept = [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return request(target, *kept, *lines)


def frame(
    opcode: int,
    payload: bytes | str = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = b"\x01\x02\x03\x04",
) -> bytes:
    """Return a frame as a client sends it; ``mask=None`` leaves it unmasked."""
    data = payload.encode() if isinstance(payload, str) else payload
    first = (fin << 7) | (rsv << 4) | opcode
    masked = 0 if mask is None else 0x80
    if len(data) < 126:
        head = struct.pack("!BB", first, masked | len(data))
    elif len(data) < 65536:
        head = struct.pack("!BBH", first, masked | 126, len(data))
    else:
        head = struct.pack("!BBQ", first, masked | 127, len(data))
    if mask is None:
        return head + data
    repeated = (mask * (len(data) // 4 + 1))[: len(data)]
    mixed = int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")
    return head + mask + mixed.to_bytes(len(data), "big")


def close_frame(code: int | None = 1000, reason: str = "") -> bytes:
    """Return a Close frame."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason.encode())


class Client:
    """One connection. Use it as a context manager: it closes its socket."""

    def __init__(
        self,
        address: tuple[str, int],
        *,
        tls: ssl.SSLContext | None = None,
        deadline: float = DEADLINE,
    ) -> None:
        self.sock = socket.create_connection(address, timeout=deadline)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray()
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- bytes

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def end(self) -> None:
        """Send FIN; what the server sends can still be read."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def read(self, size: int) -> bytes:
        """Return exactly ``size`` bytes; ``EOFError`` where the server ends before."""
        while len(self._buffer) < size:
            self._fill()
        return self._take(size)

    def read_until(self, end: bytes) -> bytes:
        """Return what comes up to ``end``, with it; ``EOFError`` where it never comes."""
        while end not in self._buffer:
            self._fill()
        return self._take(self._buffer.index(end) + len(end))

    def read_to_end(self) -> bytes:
        """Return all that comes until the server closes (FIN or RST)."""
        try:
            while True:
                self._fill()
        except (EOFError, ConnectionError):
            return self._take(len(self._buffer))

    def _fill(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise EOFError(f"the server closed; unread: {bytes(self._buffer[:200])!r}")
        self._buffer += data

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    # -- HTTP

    def answer(self, *, head_only: bool = False) -> Answer:
        """Read one response; ``head_only`` for one to HEAD, which has a length and no body."""
        status_line, *lines = self.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        size = 0 if head_only else int(headers.get("content-length", "0"))
        return Answer(int(status_line.split(" ")[1]), headers, self.read(size))

    def ask(self, target: str = "/", *lines: str, **rest: object) -> Answer:
        """Send one :func:`request` and read its response."""
        self.send(request(target, *lines, **rest))
        return self.answer(head_only=rest.get("method") == "HEAD")

    # -- WebSocket

    def upgrade(self, target: str, *lines: str, **changed: str | None) -> Answer:
        """Send an :func:`upgrade` and read the response, 101 or not."""
        self.send(upgrade(target, *lines, **changed))
        return self.answer()

    def frame(self) -> Frame:
        """Read one frame (servers do not mask)."""
        first, second = self.read(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", self.read(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self.read(8))
        return Frame(first & 15, self.read(size), bool(first & 0x80), (first >> 4) & 7)
