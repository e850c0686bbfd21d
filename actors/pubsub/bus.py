"""The bus: broadcasts and requests between the workers of one machine.

Each worker listens on a Unix socket of its name in a private directory, and has a
:class:`~actors.pubsub.link.Link` to each of the others: there is no broker. Who the others are is
told from outside (:meth:`Bus.set_peers`). Delivery is at most once and in each sender's order, in
steps (:mod:`actors.pubsub.pace`); a gap is noticed by its numbers and told as ``pubsub.gap``.

A *request* goes to one worker and is answered once, or not in time.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gevent
import gevent.pool
from gevent import socket
from gevent.event import Event

from actors import telemetry
from actors.packets import FrameError, FrameReader, unpack
from actors.pubsub.link import MAX_WHOLE, PROTOCOL, Link
from actors.pubsub.pace import Pace
from actors.runtime import unix
from actors.runtime.dispatcher import get_dispatcher
from actors.schedule import BUS_FLUSH

if TYPE_CHECKING:
    from actors.pubsub.front import PubSub
    from actors.runtime.timers import Timer

logger = logging.getLogger("roost.pubsub")

READ_SIZE = 256 * 1024

MAX_IN_FLIGHT = 8 * 1024 * 1024
"""Bytes of requests to one worker that it has not answered; one passes whatever its size."""

Reply = Callable[[Any], object]
Handler = Callable[[str, Any, Reply], object]


class _Asked(NamedTuple):
    """A request that is not answered yet."""

    worker: str
    reply: Reply
    timer: Timer
    size: int


class Bus:
    """One worker's end. ``worker`` is its name: a file name, new at each boot.

    Requests of the others go to the handler that :meth:`serve` registered for their kind.
    """

    def __init__(self, directory: Path, worker: str, pubsub: PubSub) -> None:
        self._directory = unix.private_directory(directory)
        self.worker = worker
        self._pubsub = pubsub
        self._path = directory / worker
        self._sock = unix.listen(self._path)
        self._inode = unix.inode(self._path)
        self._links: dict[str, Link] = {}
        self._expected: dict[str, int] = {}
        self._parts: dict[str, bytearray] = {}
        self._changed = Event()
        self._dispatcher = get_dispatcher()
        self._handlers: dict[str, Handler] = {}
        self._gone: list[Callable[[str], object]] = []
        self._requests: dict[int, _Asked] = {}
        self._in_flight: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._pace = Pace(self._dispatcher)
        self._readers = gevent.pool.Group()
        self._acceptor = gevent.spawn(self._accept)
        pubsub.worker = worker
        pubsub.adapter = self

    # -- membership

    def set_peers(self, workers: Iterable[str]) -> None:
        """Link to these and to no others; our own name among them does not matter."""
        wanted = set(workers) - {self.worker}
        for gone in self._links.keys() - wanted:
            self._links.pop(gone).close()
            self._expected.pop(gone, None)
            self._fail_requests(gone)
            del self._in_flight[gone]
        for new in wanted - self._links.keys():
            self._links[new] = Link(self._directory / new, self.worker, new, self._changed.set)
        self._changed.set()

    @property
    def peers(self) -> set[str]:
        """The workers that are linked to."""
        return set(self._links)

    @property
    def linked(self) -> bool:
        """Whether we hear every peer, and it us."""
        up = all(link.up.is_set() for link in self._links.values())
        return up and self._links.keys() <= self._expected.keys()

    def wait_linked(self, timeout: float) -> bool:
        """Wait until :attr:`linked`; return whether that came about in ``timeout`` seconds."""
        clock = self._dispatcher.clock
        until = clock() + timeout
        while not self.linked:
            self._changed.clear()
            if not self._changed.wait(max(0.0, until - clock())):
                return False
        return True

    def close(self, flush: float = BUS_FLUSH) -> None:
        """Write what is queued, within ``flush`` seconds in all, then hang up on everybody."""
        clock = self._dispatcher.clock
        until = clock() + flush
        for link in list(self._links.values()):
            link.flush(max(0.0, until - clock()))
        self._acceptor.kill()
        self._readers.kill()
        for link in self._links.values():
            link.close()
        self._sock.close()
        unix.unlink(self._path, self._inode)
        if self._pubsub.adapter is self:
            self._pubsub.adapter = None

    # -- the adapter of PubSub

    def publish(self, topic: str, packed: bytes) -> None:
        """Send a broadcast to all others; callable from any thread."""
        if not self._dispatcher.on_this_thread():
            self._dispatcher.call_from_thread(lambda: self.publish(topic, packed))
            return
        for link in self._links.values():
            link.send("broadcast", topic, packed)

    def direct(self, worker: str, topic: str, packed: bytes) -> bool:
        """Send a broadcast to one; callable from any thread."""
        link = self._links.get(worker)
        if link is not None and not self._dispatcher.on_this_thread():
            self._dispatcher.call_from_thread(lambda: self.direct(worker, topic, packed))
            return True
        return link is not None and link.send("broadcast", topic, packed)

    # -- requests

    def serve(self, kind: str, handler: Handler) -> None:
        """Have ``handler(worker, body, reply)`` called for requests of ``kind``; it must not block.

        ``reply(body)`` may be called later, and once.
        """
        self._handlers[kind] = handler

    def request(
        self, worker: str, kind: str, body: Any, timeout: float, reply: Reply, *, size: int = 0
    ) -> bool:
        """Ask ``worker``; ``reply(answer)`` is called once, with ``None`` if there is none.

        There is none where the worker is gone, or has not answered in ``timeout`` seconds.

        ``size``: bytes of what may be large and may be refused; ``False``, and no call, where more
        than ``MAX_IN_FLIGHT`` of such would be unanswered, or too much waits to be sent.
        """
        link = self._links.get(worker)
        number = next(self._numbers)
        if link is not None and size and not self._has_room(worker, link, size):
            return False
        if link is None or not link.send("request", number, kind, body):
            reply(None)
            return True
        timer = self._dispatcher.timers.call_later(timeout, lambda: self._settle(number, None))
        self._requests[number] = _Asked(worker, reply, timer, size)
        self._in_flight[worker] += size
        return True

    def _has_room(self, worker: str, link: Link, size: int) -> bool:
        used = self._in_flight[worker]
        if used and used + size > MAX_IN_FLIGHT:
            return False
        return link.exchanges <= MAX_IN_FLIGHT  # what was given up is still to be sent

    def on_gone(self, callback: Callable[[str], object]) -> None:
        """Call ``callback(worker)``, which must not block, when a worker has hung up."""
        self._gone.append(callback)

    def _settle(self, number: int, answer: Any) -> None:
        found = self._requests.pop(number, None)
        if found is not None:
            self._in_flight[found.worker] -= found.size
            found.timer.cancel()
            found.reply(answer)

    def _fail_requests(self, worker: str) -> None:
        for number, asked in list(self._requests.items()):
            if asked.worker == worker:
                self._settle(number, None)

    # -- what others send

    def _accept(self) -> None:
        with socket.socket(fileno=self._sock.detach()) as sock:
            while True:
                try:
                    connection, _ = sock.accept()
                except OSError as error:
                    logger.error("accepting on the bus failed: %s", error)
                    gevent.sleep(0.1)
                else:
                    self._readers.spawn(self._read, connection)

    def _read(self, connection: Any) -> None:
        """Serve one other worker until it hangs up, or breaks the protocol."""
        worker = ""
        with connection:
            try:
                _check_user(connection)
                reader = FrameReader()
                while data := connection.recv(READ_SIZE):
                    for message in reader.cut(data):
                        if worker:
                            self._pace.count(self._take(worker, message))
                        else:
                            worker = self._welcome(message)
            except (FrameError, OSError) as error:
                logger.warning("dropped the bus connection of %s: %s", worker or "a process", error)
        if worker:
            self._parts.pop(worker, None)
            if worker not in self._links:
                self._expected.pop(worker, None)  # it has left for good
            self._fail_requests(worker)
            for gone in self._gone:
                gone(worker)

    def _welcome(self, hello: Any) -> str:
        match hello:
            case [str(protocol), str(worker), int(first)] if protocol == PROTOCOL:
                self._check_gap(worker, first)
                self._changed.set()
                return worker
            case _:
                raise FrameError(f"not a greeting of {PROTOCOL}: {hello!r:.100}")

    def _check_gap(self, worker: str, number: int) -> None:
        expected = self._expected.get(worker, number)
        if number > expected:
            self._parts.pop(worker, None)
            missing = number - expected
            logger.warning("%d messages of %s are missing", missing, worker)
            telemetry.execute("pubsub.gap", {"missing": missing}, {"publisher": worker})
        self._expected[worker] = number

    def _take(self, worker: str, message: Any) -> int:
        """Handle a message; return the bytes that this delivered."""
        if type(message) is not list or len(message) < 2 or type(message[1]) is not int:
            raise FrameError(f"not a message of the bus: {message!r:.100}")
        kind, number = message[0], message[1]
        self._check_gap(worker, number)
        self._expected[worker] = number + 1
        if kind == "part":
            return self._take_part(worker, message)
        if kind == "whole":
            message = unpack(bytes(self._parts.pop(worker, b"")))
        return self._dispatch(worker, message)

    def _take_part(self, worker: str, message: list[Any]) -> int:
        parts = self._parts.setdefault(worker, bytearray())
        parts += message[2]
        if len(parts) > MAX_WHOLE:
            raise FrameError(f"a message of over {MAX_WHOLE} bytes")
        return len(message[2])

    def _dispatch(self, worker: str, message: Any) -> int:
        match message:
            case ["broadcast", _, str(topic), bytes(packed)]:
                self._pubsub.arrived(topic, packed)
                return len(packed)
            case ["request", _, int(number), str(kind), body]:
                self._serve_request(worker, number, kind, body)
            case ["reply", _, int(number), body]:
                self._settle(number, body)
            case _:
                raise FrameError(f"not a message of the bus: {message!r:.100}")
        return 0

    def _serve_request(self, worker: str, number: int, kind: str, body: Any) -> None:
        def reply(answer: Any) -> None:
            link = self._links.get(worker)
            if link is not None:
                link.send("reply", number, answer)

        handler = self._handlers.get(kind)
        if handler is None:
            reply(None)
        else:
            handler(worker, body, reply)


def _check_user(connection: Any) -> None:
    if not unix.peer_is_ours(connection):
        raise FrameError("it runs as another user")
