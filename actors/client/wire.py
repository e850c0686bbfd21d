"""What one attempt to connect has, and the connection that comes of it; on any loop.

:mod:`actors.client.blocking_wire` and :mod:`actors.client.aio_wire` add what waits and moves bytes.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Any, Final, Protocol
from weakref import WeakSet

from actors.client.options import ClientOptions
from actors.client.websocket import WebSocket
from actors.errors import ConnectFailed
from actors.serializers.message import Frame

READ: Final = 65_536
WRITE: Final = 65_536
PONGS: Final = 262_144
"""Bytes beside pushes that may wait to be sent; who sends pings and reads no pong is not read."""


_wires: WeakSet[Wire] = WeakSet()


class Owner(Protocol):
    """Whom a wire tells what it sees."""

    def wire_opened(self, attempt: int, /) -> None:
        """The handshake is done."""

    def wire_received(self, attempt: int, frame: Frame, /) -> None:
        """A message came."""

    def wire_sent(self, attempt: int, size: int, /) -> None:
        """So many bytes of messages have left."""

    def wire_lost(
        self, attempt: int, code: int, reason: str, error: ConnectFailed | None, /
    ) -> None:
        """The attempt failed, or its connection ended."""


class Flag(Protocol):
    """An event of gevent or of asyncio."""

    def set(self) -> Any:
        """Wake who waits for it."""


class Wire:
    """What is said of it, and what waits to be sent."""

    def __init__(
        self, owner: Owner, attempt: int, options: ClientOptions, news: Flag, drained: Flag
    ) -> None:
        self.attempt = attempt
        self._owner = owner
        self._options = options
        self._websocket: WebSocket | None = None  # once the handshake is done
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._waiting_bytes = 0
        self._news: Flag = news  # there is something to be sent
        self._drained: Flag = drained
        self._ended = False  # its owner is told nothing more
        self._is_forked = False
        _wires.add(self)

    def send(self, frame: Frame) -> None:
        """Have a message sent; does not block."""
        if self._websocket is not None and self._websocket.is_open:
            self._websocket.send(frame)
            self._queue(len(frame[1]))

    def close(self, code: int, reason: str) -> None:
        """Have a Close frame sent; the end is told when the server's has come."""
        if self._websocket is not None:
            self._websocket.close(code, reason)
            self._queue(0)

    def drop(self, code: int, reason: str) -> None:
        """End it, with a Close frame where one can be sent in time; nothing more is told."""
        self._ended = True
        if self._websocket is not None and self._websocket.is_open:
            self.close(code, reason)
            self._kill_in(self._options.close_timeout)
        else:
            self._kill_in(0.0)

    def cut(self) -> None:
        """End it at once; nothing more is told."""
        self._ended = True
        self._kill_in(0.0)

    def forked(self) -> None:
        """In a forked process: the socket is the parent's, neither write to it nor read."""
        self._ended = self._is_forked = True

    def _kill_in(self, seconds: float) -> None:
        """Have it ended then, whatever it waits for."""
        raise NotImplementedError

    @property
    def _is_full(self) -> bool:
        """Whether the server is not to be read from before it has read."""
        return self._waiting_bytes > self._options.max_buffered_bytes + PONGS

    def _queue(self, size: int, *, wake: bool = False) -> None:
        """Have sent what the WebSocket wants to; ``size`` bytes of messages are in it."""
        data = b"" if self._websocket is None else self._websocket.outgoing()
        if data or wake:
            self._waiting.append((data, size))
            self._waiting_bytes += len(data)
            self._news.set()

    def _left(self, data: bytes, size: int) -> None:
        """Take that what was queued has been sent."""
        self._waiting_bytes -= len(data)
        self._drained.set()
        self._told(self._owner.wire_sent, size)

    def _told(self, tell: Callable[..., None], *arguments: object) -> None:
        if not self._ended:
            tell(self.attempt, *arguments)

    def _tell_lost(self, code: int, reason: str, error: ConnectFailed | None = None) -> None:
        self._told(self._owner.wire_lost, code, reason, error)
        self._ended = True


def _forked() -> None:
    for wire in list(_wires):
        wire.forked()


os.register_at_fork(after_in_child=_forked)
