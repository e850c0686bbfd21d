"""A listener whose protocol only records, for tests of streams; and what a process holds."""

from __future__ import annotations

import gc
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from actors.runtime.dispatcher import get_dispatcher
from supervision.processes.sockets import bind
from tests.support.raw import DEADLINE
from transports.tcp.listener import Listener
from transports.tcp.protocol import StreamProtocol


class Recorder(StreamProtocol):
    """The protocol of one stream: what it was told, in order, and events to wait for."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.data = bytearray()
        self.calls: list[str] = []
        self.error: Exception | None = None
        self._news = Event()

    def data_received(self, data: bytes) -> None:
        assert data
        self.data += data
        self._told("data")

    def eof_received(self) -> None:
        self._told("eof")

    def connection_lost(self, error: Exception | None) -> None:
        self.error = error
        self._told("lost")

    def _told(self, call: str) -> None:
        self.calls.append(call)
        self._news.set()

    def wait_for(self, what: str | bytes) -> None:
        """Wait until ``what`` was called, or until these bytes have come."""
        with gevent.Timeout(DEADLINE, TimeoutError(f"{what!r}, got {self.calls}")):
            while what not in (self.data if isinstance(what, bytes) else self.calls):
                self._news.wait()
                self._news.clear()


class Listening:
    """A listener and the protocols of its streams, oldest first."""

    def __init__(
        self, make: Callable[[Any], Recorder], sock: socket.socket | None = None, **options: Any
    ) -> None:
        self.protocols: list[Recorder] = []
        self._make = make
        self._news = Event()
        sock = bind("127.0.0.1", 0) if sock is None else sock
        self.listener = Listener(sock, get_dispatcher(), self._open, **options)
        self.address = self.listener.address

    def _open(self, stream: Any) -> Recorder:
        self.protocols.append(self._make(stream))
        self._news.set()
        return self.protocols[-1]

    def newest(self, count: int = 1) -> Recorder:
        """Return the newest protocol once there are ``count``."""
        with gevent.Timeout(DEADLINE, TimeoutError(f"{len(self.protocols)} of {count} clients")):
            while len(self.protocols) < count:
                self._news.clear()
                self._news.wait()
        return self.protocols[-1]


@contextmanager
def listening(make: Callable[[Any], Recorder] = Recorder, **options: Any) -> Iterator[Listening]:
    """Accept on a free port, or on ``sock``; ``options`` are those of :class:`Listener`."""
    served = Listening(make, **options)
    served.listener.start()
    try:
        yield served
    finally:
        served.listener.stop()
        for stream in list(served.listener.streams):
            stream.abort()


def held() -> dict[str, int]:
    """Return how many descriptors, handlers and timers there are in this process."""
    gc.collect()
    dispatcher = get_dispatcher()
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())),
        "handlers": len(dispatcher.handlers),
        "timers": len(dispatcher.timers),
    }


def left_since(before: dict[str, int]) -> dict[str, int]:
    """Return what there is more of than :func:`held` said ``before``; less is no leak."""
    return {name: count for name, count in held().items() if count > before[name]}
