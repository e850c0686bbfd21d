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
from actors.packets import MAX_FRAME, frame, pack

logger = logging.getLogger("roost.pubsub")

PROTOCOL: Final = "roost.bus.1"
MAX_QUEUED: Final = 32 * 1024 * 1024
"""Bytes of broadcasts that wait for a worker that does not read; what comes then is dropped, and
told. As many of requests and replies may wait beside them."""

MAX_WHOLE: Final = 24 * 1024 * 1024
"""Bytes of one request or reply, which travels in parts where it does not fit into a frame."""

PART: Final = 1024 * 1024

BATCH: Final = 256 * 1024
"""Bytes joined into one write."""

SEND_TIMEOUT: Final = 10.0
"""Seconds in which a worker must take a batch, or it is connected to anew."""

RETRY: Final = (0.02, 1.0)
"""Seconds between attempts to connect: the first wait, doubled up to the last, with jitter."""


class Link:
    """Sends to the worker ``peer``, in order; ``name`` is ours.

    Each message carries the next number of this link, so that the other side can tell when some are
    missing: dropped because the queue was full, or lost with a connection. ``on_up()`` is called
    each time when the connection is made; ``up`` is set while there is one.

    There is one queue, and two budgets of it: ``broadcasts``, and ``exchanges`` for requests and
    their replies, so that neither can make the other vanish. They are what waits, in bytes.
    """

    def __init__(
        self, path: Path, name: str, peer: str, on_up: Callable[[], object] = lambda: None
    ) -> None:
        self.peer = peer
        self._on_up = on_up
        self.up = Event()
        self._path = path
        self._name = name
        self._number = 0
        self._queue: deque[tuple[int, bool, bytes]] = deque()
        self.broadcasts = self.exchanges = 0
        self._wanted = Event()
        self._drained = Event()
        self._drained.set()
        self._writer = gevent.spawn(self._run)

    def send(self, kind: str, *parts: Any) -> bool:
        """Queue a message; ``False`` where it is dropped. Never blocks.

        The other side learns of a broadcast that is dropped by the gap. Who asked is told here.
        """
        number = self._number + 1
        whole = pack([kind, number, *parts], MAX_WHOLE)
        shared = kind == "broadcast"
        if (self.broadcasts if shared else self.exchanges) + len(whole) > MAX_QUEUED:
            if shared:
                self._number = number
                telemetry.execute("pubsub.dropped", {"count": 1}, {"peer": self.peer})
            return False
        self._number = number
        if len(whole) > MAX_FRAME:
            self._queue_parts(whole, shared=shared)
        else:
            self._queue_one(whole, shared=shared)
        self._drained.clear()
        self._wanted.set()
        return True

    def _queue_one(self, packed: bytes, *, shared: bool) -> None:
        data = frame(packed)
        self._queue.append((self._number, shared, data))
        self._count(len(data), shared=shared)

    def _count(self, size: int, *, shared: bool) -> None:
        if shared:
            self.broadcasts += size
        else:
            self.exchanges += size

    def _queue_parts(self, whole: bytes, *, shared: bool) -> None:
        """Queue what does not fit into a frame: parts, then a word that these were all."""
        for start in range(0, len(whole), PART):
            self._queue_one(
                pack(["part", self._number, whole[start : start + PART]]), shared=shared
            )
            self._number += 1
        self._queue_one(pack(["whole", self._number]), shared=shared)

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
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
                    sock.settimeout(SEND_TIMEOUT)
                    sock.connect(str(self._path))
                    self._write(sock)
            except OSError as error:
                logger.debug("the link to %s is down: %s", self.peer, error)
            if self.up.is_set():
                wait = RETRY[0]
                self._tell_down()
            gevent.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret
            wait = min(wait * 2, RETRY[1])

    def _tell_down(self) -> None:
        if self.up.is_set():
            self.up.clear()
            telemetry.execute("pubsub.link", {"up": 0}, {"peer": self.peer})

    def _write(self, sock: Any) -> None:
        first = self._queue[0][0] if self._queue else self._number + 1
        sock.sendall(frame(pack([PROTOCOL, self._name, first])))
        self.up.set()
        self._on_up()
        telemetry.execute("pubsub.link", {"up": 1}, {"peer": self.peer})
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
            sock.sendall(b"".join(data for _, _, data in batch))
        finally:
            for _, shared, data in batch:
                self._count(-len(data), shared=shared)
            if not self._queue:
                self._drained.set()

    def _take(self) -> list[tuple[int, bool, bytes]]:
        """Return the front of the queue, as much as one write may have."""
        found, size = [], 0
        while self._queue and size < BATCH:
            found.append(self._queue.popleft())
            size += len(found[-1][2])
        return found
