"""A client that sends exactly the bytes it is told: HTTP/1.1 and WebSocket, plain or TLS.

It waits on gevent's hub, so it may share a thread with the server. Each wait has a deadline.
What is sent and read is made by the codec of the drills' clients, ``supervision/drills/wire.py``.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from gevent import socket

from supervision.drills.wire import (
    ACCEPT,
    BINARY,
    CLOSE,
    KEY,
    PING,
    PONG,
    TEXT,
    Answer,
    Frame,
    close_frame,
    frame,
    request,
    take_answer,
    take_frame,
    upgrade,
)
from tests.support.waiting import DEADLINE

if TYPE_CHECKING:
    import ssl

T = TypeVar("T")

__all__ = [
    "ACCEPT", "BINARY", "CLOSE", "DEADLINE", "KEY", "PING", "PONG", "TEXT", "Answer", "Client",
    "Frame", "close_frame", "frame", "request", "upgrade",
]  # fmt: skip


class Client:
    """One connection. Use it as a context manager: it closes its socket."""

    def __init__(
        self,
        address: tuple[str, int] | Path,
        *,
        tls: ssl.SSLContext | None = None,
        deadline: float = DEADLINE,
        source: str = "",
    ) -> None:
        if isinstance(address, Path):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(deadline)
            self.sock.connect(str(address))
        else:
            self.sock = socket.create_connection(
                address, timeout=deadline, source_address=(source, 0) if source else None
            )
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
        return self._next(lambda: take_answer(self._buffer, head_only=head_only))

    def ask(self, target: str = "/", *lines: str, **rest: Any) -> Answer:
        """Send one :func:`request` and read its response."""
        self.send(request(target, *lines, **rest))
        return self.answer(head_only=rest.get("method") == "HEAD")

    # -- WebSocket

    def upgrade(self, target: str, *lines: str, **changed: str | None) -> Answer:
        """Send an :func:`upgrade` and read the response, 101 or not."""
        self.send(upgrade(target, *lines, **changed))
        return self.answer()

    def frame(self) -> Frame:
        """Read one frame."""
        return self._next(lambda: take_frame(self._buffer))

    def _next(self, take: Callable[[], T | None]) -> T:
        while (found := take()) is None:
            self._fill()
        return found
