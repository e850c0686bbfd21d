"""A client's connection: bytes in when there are some, and how it ended.

Nothing here waits by itself: :func:`pump` reads from any number of connections until something is
so, or a deadline has come.
"""

from __future__ import annotations

import selectors
import socket
import struct
import time
from collections.abc import Callable, Iterable
from typing import Final

from supervision.drills.wire import Answer, take_answer

CONNECT: Final = 10.0
"""Seconds in which the kernel must have connected, or sent what it was given."""

READ_SIZE: Final = 1 << 18


class Connection:
    """One TCP connection; subclasses make something of ``buffer`` in :meth:`received`.

    ``end`` is ``None`` while it is open, else ``"eof"``, ``"reset"`` or ``"refused"``; ``ended_at``
    is when that was noticed (monotonic seconds). ``source`` is an address of this machine to
    connect from, ``""`` for any.
    """

    def __init__(self, address: tuple[str, int], source: str = "") -> None:
        self.buffer = bytearray()
        self.end: str | None = None
        self.ended_at = 0.0
        self.connected_in = 0.0
        began = time.monotonic()
        try:
            self.sock = socket.create_connection(address, CONNECT, (source, 0))
        except OSError as error:
            self.sock = socket.socket()
            self._ended("refused" if isinstance(error, ConnectionRefusedError) else "reset")
            return
        self.connected_in = time.monotonic() - began
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self.sock.getsockname()[1]

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self.sock.fileno()

    def send(self, data: bytes) -> bool:
        """Send all of it; ``False`` where the connection has ended."""
        if self.end is None:
            try:
                self.sock.sendall(data)
                return True
            except OSError:
                self.pump()  # what came before the end is still there to be read
        return False

    def pump(self) -> None:
        """Read what is there, and nothing more."""
        if self.end is not None:
            return
        try:
            data = self.sock.recv(READ_SIZE, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            self._ended("reset")
            return
        if data:
            self.buffer += data
            self.received()
        else:
            self._ended("eof")

    def received(self) -> None:
        """Something was added to ``buffer``."""

    def _ended(self, how: str) -> None:
        self.end = how
        self.ended_at = time.monotonic()
        self.sock.close()

    def close(self) -> None:
        """Hang up; a connection that has ended already keeps its end."""
        if self.end is None:
            self._ended("left")

    def reset(self) -> None:
        """Hang up by RST instead of FIN."""
        if self.end is None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._ended("left")


class HTTP(Connection):
    """Requests and their responses, in order, on one connection."""

    def __init__(self, address: tuple[str, int], source: str = "") -> None:
        super().__init__(address, source)
        self.answers: list[Answer] = []

    def received(self) -> None:
        while (answer := take_answer(self.buffer)) is not None:
            self.answers.append(answer)

    def ask(self, data: bytes, seconds: float) -> Answer | None:
        """Send a request and wait for its response; ``None`` where none came."""
        count = len(self.answers)
        self.send(data)
        pump([self], seconds, lambda: len(self.answers) > count)
        return self.answers[count] if len(self.answers) > count else None


def pump(
    connections: Iterable[Connection], seconds: float, done: Callable[[], bool] | None = None
) -> bool:
    """Read from ``connections`` until ``done()``, or without it until all have ended.

    Answers whether that came about within ``seconds``; what is there by then is read in any case.
    """
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for each in connections:
            if each.end is None:
                selector.register(each, selectors.EVENT_READ)
        finished = done or (lambda: not selector.get_map())
        while not finished():
            left = until - time.monotonic()
            ready = selector.select(max(0.0, left)) if selector.get_map() else []
            for key, _ in ready:
                _read(selector, key)
            if left <= 0 or not (ready or selector.get_map()):
                return finished()
    return True


def _read(selector: selectors.BaseSelector, key: selectors.SelectorKey) -> None:
    connection = key.fileobj
    if isinstance(connection, Connection):
        connection.pump()
        if connection.end is not None:
            _forget(selector, key.fd)


def _forget(selector: selectors.BaseSelector, fd: int) -> None:
    """Unregister a descriptor that is closed already; epoll has forgotten it by itself."""
    try:
        selector.unregister(fd)
    except (KeyError, ValueError, OSError):
        pass
