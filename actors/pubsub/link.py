"""The way to one other worker: a queue, and a greenlet that connects and writes."""

from __future__ import annotations

import logging
import random
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import gevent
from gevent import socket
from gevent.event import Event

from actors import telemetry
from actors.packets import FrameError, FrameReader
from actors.pubsub import wire
from actors.runtime.dispatcher import get_dispatcher

logger = logging.getLogger("roost.pubsub")

MAX_QUEUED: Final = 32 * 1024 * 1024
"""Bytes of broadcasts that wait for a worker that does not read; what comes then is dropped, and
told. As many of requests, replies and notices may wait beside them, and of small ones a bit more
(:data:`~actors.pubsub.wire.RESERVE`)."""

BATCH: Final = 256 * 1024
"""Bytes joined into one write."""

SEND_TIMEOUT: Final = 10.0
"""Seconds in which a worker must welcome us or take a batch, or it is connected to anew."""

RETRY: Final = (0.02, 1.0)
"""Seconds between attempts to connect: the first wait, doubled up to the last, with jitter. A link
that lasted as long as the last begins with the first again."""


class Link:
    """Sends to the worker ``peer``, in order; ``name`` is ours.

    Each message carries the next number of this link, so that the other side can tell when some are
    missing: dropped because the queue was full, or lost with a connection. ``on_up(peer)`` is
    called each time when the peer has been greeted; ``up`` is set from then until it hangs up.

    There is one queue, and two budgets of it: ``broadcasts``, and ``exchanges`` for all others, so
    that neither can make the other vanish. They are what waits, in bytes.

    A peer that hangs up on our greeting, unread or not, is of the release before: the next attempt
    greets it with its own protocol. So messages are queued as they are in neither, and nothing is
    written before it is known which. ``published``: the number of our last broadcast.
    """

    def __init__(
        self, path: Path, name: str, peer: str, on_up: Callable[[str], object], published: int = 0
    ) -> None:
        self.peer = peer
        self.protocol = wire.PROTOCOL
        self._on_up = on_up
        self.up = Event()
        self._path = path
        self._name = name
        self._number = 0
        self._published = published
        self._queue: deque[tuple[int, wire.Message]] = deque()
        self.broadcasts = self.exchanges = 0
        self._wanted = Event()
        self._drained = Event()
        self._drained.set()
        self._clock = get_dispatcher().clock
        self._writer = gevent.spawn(self._run)

    def send(self, message: wire.Message) -> bool:
        """Queue a message; ``False`` where it is dropped. Never blocks.

        The other side learns of a broadcast that is dropped by the gap. The caller is told here.
        """
        size, shared = message.size, message.sequence is not None
        self._published = message.sequence or self._published
        most = MAX_QUEUED + (wire.RESERVE if not shared and size <= wire.SMALL else 0)
        if (self.broadcasts if shared else self.exchanges) + size > most:
            if shared:
                self._number += 1
                telemetry.execute("pubsub.dropped", {"count": 1}, {"peer": self.peer})
            return False
        self._queue.append((self._number + 1, message))
        self._number += 1 + message.parts
        self._count(message, size)
        self._drained.clear()
        self._wanted.set()
        return True

    def _count(self, message: wire.Message, size: int) -> None:
        if message.sequence is None:
            self.exchanges += size
        else:
            self.broadcasts += size

    def close(self) -> None:
        """Stop; what is queued is lost."""
        self._writer.kill(block=False)
        self._tell_down()
        self._drained.set()  # who flushes waits no longer: nobody writes any more

    def flush(self, timeout: float) -> bool:
        """Wait until everything queued is written, or the link closed; return whether it was."""
        return bool(self._drained.wait(timeout))

    def _run(self) -> None:
        wait = RETRY[0]
        while True:
            began, refused = self._clock(), False
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                    sock.settimeout(SEND_TIMEOUT)
                    sock.connect(str(self._path))
                    refused = not self._greet(sock)
                    if not refused:
                        self._write(sock)
            except (OSError, FrameError) as error:
                logger.debug("the link to %s is down: %s", self.peer, error)
            if self.up.is_set() and self._clock() - began >= RETRY[1]:
                wait = RETRY[0]
            self._tell_down()
            self.protocol = wire.BEFORE if refused else wire.PROTOCOL
            gevent.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            wait = min(wait * 2, RETRY[1])

    def _tell_down(self) -> None:
        if self.up.is_set():
            self.up.clear()
            telemetry.execute("pubsub.link", {"up": 0}, {"peer": self.peer})

    def _greet(self, sock: Any) -> bool:
        """Return whether the peer may be written to; ``False``: it has hung up."""
        first = self._queue[0][0] if self._queue else self._number + 1
        queued = (message.sequence for _, message in self._queue if message.sequence)
        published = next(queued, self._published + 1) - 1
        sock.sendall(wire.greeting(self.protocol, self._name, first, published))
        if self.protocol == wire.PROTOCOL and not _welcomed(sock):
            logger.debug("%s does not know %s", self.peer, self.protocol)
            return False
        self.up.set()
        self._on_up(self.peer)
        telemetry.execute("pubsub.link", {"up": 1}, {"peer": self.peer})
        return True

    def _write(self, sock: Any) -> None:
        # Nothing comes this way but the end, which is noticed before more is written into it.
        end = gevent.spawn(socket.wait_read, sock.fileno())
        end.rawlink(lambda _: self._wanted.set())
        try:
            while not end.dead:
                self._write_batch(sock)
                self._wanted.clear()
                if not self._queue and not end.dead:
                    self._wanted.wait()
        finally:
            end.kill(block=False)

    def _write_batch(self, sock: Any) -> None:
        batch = self._take()
        try:
            for data in wire.frames(self.protocol, batch):
                sent = sock.send(data)  # mostly all of it; sendall makes ready for much more
                if sent < len(data):
                    sock.sendall(memoryview(data)[sent:])
        finally:
            for _, message in batch:
                self._count(message, -message.size)
            if not self._queue:
                self._drained.set()

    def _take(self) -> list[tuple[int, wire.Message]]:
        """Return the front of the queue, as much as one write may have."""
        found, size = [], 0
        while self._queue and size < BATCH:
            found.append(self._queue.popleft())
            size += found[-1][1].size
        return found


def _welcomed(sock: Any) -> bool:
    """Wait for the peer's welcome; return ``False`` where it hangs up instead."""
    reader = FrameReader()
    while data := sock.recv(4096):
        for message in reader.feed(data):
            if type(message) is not list or message[:1] != [wire.PROTOCOL]:
                raise FrameError(f"not a welcome: {message!r:.100}")
            return True
    return False
