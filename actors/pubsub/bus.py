"""The bus: broadcasts, requests and notices between the workers of one machine.

Each worker listens on a Unix socket of its name in a private directory, and has a
:class:`~actors.pubsub.link.Link` to each of the others: there is no broker. The names of the others
are told from outside (:meth:`Bus.set_peers`). Delivery is at most once and in each sender's order,
in steps (:mod:`actors.pubsub.pace`). A gap is noticed by the publisher's numbers, or by those of
the link where it says none, and told as ``pubsub.gap``.
What is said over a link is in :mod:`actors.pubsub.wire`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

import gevent
import gevent.pool
from gevent import socket
from gevent.event import Event

from actors import telemetry
from actors.crash_log import capped
from actors.packets import FrameError, FrameReader, unpack
from actors.pubsub import wire
from actors.pubsub.cluster import Handler, Reply
from actors.pubsub.exchanges import Exchanges
from actors.pubsub.front import PubSub
from actors.pubsub.link import Link
from actors.pubsub.numbers import Numbers
from actors.pubsub.pace import Pace
from actors.runtime import unix
from actors.runtime.dispatcher import get_dispatcher
from actors.schedule import BUS_FLUSH
from actors.unix_files import identity

logger = logging.getLogger("roost.pubsub")
LINES: Final = capped(logger)

READ_SIZE = 256 * 1024

PAUSE: Final = 0.1
"""Seconds until we accept again after that has failed: there may be no descriptor left."""

GREETING_TIMEOUT: Final = 10.0
"""Seconds in which who connects must have greeted."""


class _Heard(NamedTuple):
    """A connection of another worker; ``parts`` is what has come of a message in parts."""

    protocol: str
    worker: str
    parts: bytearray


class Bus:
    """One worker's end, a :class:`~actors.pubsub.cluster.Cluster`.

    ``worker`` is its name: a file name, new at each boot. What others broadcast is delivered to
    ``pubsub``.
    """

    def __init__(self, directory: Path, worker: str, pubsub: PubSub) -> None:
        self._directory = unix.private_directory(directory)
        self.worker = worker
        self._pubsub = pubsub
        self._path = directory / worker
        self._sock = unix.listen(self._path)
        self._inode = identity(self._path)
        self._links: dict[str, Link] = {}
        self._heard: dict[str, _Heard] = {}
        self._expected: dict[str, int] = {}
        self._numbers = Numbers()
        self._changed = Event()
        self._dispatcher = get_dispatcher()
        self._exchanges = Exchanges()
        self._joined: list[Callable[[str], object]] = []
        self._gone: list[Callable[[str], object]] = []
        self._published = 0
        self._pace = Pace(self._dispatcher)
        self._greenlets = gevent.pool.Group()
        self._acceptor = gevent.spawn(self._accept)

    # -- membership

    def set_peers(self, workers: Iterable[str]) -> None:
        """Link to these and to no others; our own name among them does not matter."""
        wanted = set(workers) - {self.worker}
        for gone in self._links.keys() - wanted:
            self._links.pop(gone).close()
            self._expected.pop(gone, None)
            self._numbers.forget(gone)
            self._tell_gone(gone)
        for new in wanted - self._links.keys():
            path = self._directory / new
            self._links[new] = Link(path, self.worker, new, self._greeted, self._published)
        self._changed.set()

    @property
    def peers(self) -> set[str]:
        return set(self._links)

    @property
    def hears(self) -> bool:
        return True  # whom it does not hear for long leaves the list

    def reaches(self, worker: str) -> bool:
        return worker in self._links

    def may_return(self, worker: str) -> bool:  # noqa: ARG002 - its process has ended
        return False

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

    def joined(self, callback: Callable[[str], object]) -> None:
        self._joined.append(callback)

    def gone(self, callback: Callable[[str], object]) -> None:
        self._gone.append(callback)

    def _greeted(self, worker: str) -> None:
        self._changed.set()
        for joined in self._joined:
            joined(worker)

    def close(self, flush: float = BUS_FLUSH) -> None:
        """Write what is queued, within ``flush`` seconds in all, then hang up on everybody."""
        clock = self._dispatcher.clock
        until = clock() + flush
        for link in list(self._links.values()):
            link.flush(max(0.0, until - clock()))
        self._acceptor.kill()
        self._greenlets.kill()
        for link in self._links.values():
            link.close()
        self._sock.close()
        unix.unlink(self._path, self._inode)

    # -- what we send

    def publish(self, number: int, topic: str, kind: str, packed: bytes) -> None:
        self._published = number
        self._send_all(wire.broadcast(self.worker, number, kind, topic, packed))

    def position(self, number: int) -> None:
        self._send_all(wire.position(self.worker, number))

    def direct(self, worker: str, topic: str, kind: str, packed: bytes) -> bool:
        return self._send(worker, wire.broadcast(self.worker, 0, kind, topic, packed))

    def notify(self, worker: str, kind: str, body: Any) -> bool:
        return self._send(worker, wire.notify(kind, body))

    def notify_all(self, kind: str, body: Any) -> None:
        self._send_all(wire.notify(kind, body))

    def request(self, worker: str, kind: str, body: Any, timeout: float, reply: Reply) -> bool:
        ticket = self._exchanges.ticket()
        sent = self._send(worker, wire.request(ticket, kind, body))
        if sent:
            self._exchanges.ask(ticket, worker, timeout, reply)
        return sent

    def _send_all(self, message: wire.Message) -> None:
        for link in self._links.values():
            link.send(message)

    def _send(self, worker: str, message: wire.Message) -> bool:
        link = self._links.get(worker)
        return link is not None and link.send(message)

    def unsent(self, worker: str) -> int:
        link = self._links.get(worker)
        return 0 if link is None else link.exchanges

    def longest(self, worker: str) -> int:  # noqa: ARG002 - the same for all
        return wire.MAX_WHOLE

    def takes_notices(self, worker: str) -> bool:
        link = self._links.get(worker)
        return link is not None and link.up.is_set() and link.protocol == wire.PROTOCOL

    def serve(self, kind: str, handler: Handler) -> None:
        self._exchanges.serve(kind, handler)

    # -- what others send

    def _accept(self) -> None:
        with socket.socket(fileno=self._sock.detach()) as sock:
            while True:
                try:
                    connection, _ = sock.accept()
                except OSError as error:
                    LINES.log(logging.ERROR, error.errno, "accepting on the bus failed: %s", error)
                    gevent.sleep(PAUSE)
                else:
                    self._greenlets.spawn(self._read, connection)

    def _read(self, connection: Any) -> None:
        """Serve one other worker until it hangs up, or breaks the protocol."""
        heard: _Heard | None = None
        with connection:
            try:
                _check_user(connection)
                connection.settimeout(GREETING_TIMEOUT)
                reader = FrameReader()
                while data := connection.recv(READ_SIZE):
                    for message in reader.cut(data):
                        if heard is None:
                            heard = self._welcome(connection, message)
                        else:
                            self._pace.count(self._take(heard, message))
            except (FrameError, OSError) as error:
                who = "a process" if heard is None else heard.worker
                logger.warning("dropped the bus connection of %s: %s", who, error)
        if heard is not None:
            self._hung_up(heard)

    def _welcome(self, connection: Any, hello: Any) -> _Heard:
        protocol, worker, first, published = wire.greeted(hello)
        if protocol == wire.PROTOCOL:
            connection.sendall(wire.WELCOME)
        connection.settimeout(None)
        self._check_link(protocol, worker, first)
        if published is not None:
            self._missing(worker, self._numbers.reached(worker, published))
        heard = self._heard[worker] = _Heard(protocol, worker, bytearray())
        self._changed.set()
        return heard

    def _hung_up(self, heard: _Heard) -> None:
        if heard.worker not in self._links:
            self._expected.pop(heard.worker, None)  # it has left for good
            self._numbers.forget(heard.worker)
        if self._heard.get(heard.worker) is heard:  # else it has connected anew meanwhile
            self._tell_gone(heard.worker)

    def _tell_gone(self, worker: str) -> None:
        self._heard.pop(worker, None)
        self._exchanges.gone(worker)
        for gone in self._gone:
            gone(worker)

    def _check_link(self, protocol: str, worker: str, number: int) -> bool:
        """Return whether messages are missing on a link before this one."""
        expected = self._expected.get(worker, number)
        self._expected[worker] = number
        if number <= expected:
            return False
        if protocol == wire.BEFORE:  # else the broadcasts among them show by their own numbers
            self._missing(worker, number - expected)
        return True

    def _missing(self, publisher: str, count: int) -> None:
        """Tell a gap, unless it is none."""
        if count > 0:
            words = "%d messages of %s are missing"
            LINES.log(logging.WARNING, publisher, words, count, publisher)
            telemetry.execute("pubsub.gap", {"missing": count}, {"publisher": publisher})

    def _take(self, heard: _Heard, message: Any) -> int:
        """Handle a message; return the bytes that this delivered."""
        _check(message)
        name, number, worker, parts = message[0], message[1], heard.worker, heard.parts
        if number != self._expected.get(worker) and self._check_link(
            heard.protocol, worker, number
        ):
            parts.clear()
        self._expected[worker] = number + 1
        if name == "part" and type(message[-1]) is bytes:
            parts += message[-1]
            if len(parts) > wire.MAX_WHOLE:
                raise FrameError(f"a message of over {wire.MAX_WHOLE} bytes")
            return len(message[-1])
        if name == "whole":
            message = unpack(bytes(parts))
            _check(message)
            parts.clear()
        if heard.protocol == wire.BEFORE:
            message = wire.modern(worker, message)
        return self._dispatch(worker, message)

    def _dispatch(self, worker: str, message: Any) -> int:
        if message[0] == "broadcast" and len(message) == 7:  # most are: a pattern takes longer
            _, _, publisher, sequence, kind, topic, packed = message
            if type(kind) is type(topic) is str and type(packed) is bytes:
                if not sequence or self._fresh(publisher, sequence):
                    self._pubsub.arrived(topic, kind, packed)
                return len(packed)
        match message:
            case ["position", _, str(publisher), int(sequence)]:
                self._missing(publisher, self._numbers.reached(publisher, sequence))
            case ["notify", _, str(kind), body]:
                self._exchanges.handle(worker, kind, body, None)
            case ["request", _, int(ticket), str(kind), body]:
                send = self._send
                answer = lambda given: send(worker, wire.reply(ticket, given))  # noqa: E731
                self._exchanges.handle(worker, kind, body, answer)
            case ["reply", _, int(ticket), body]:
                self._exchanges.settle(ticket, body)
            case [str(name), *_] if name not in wire.KNOWN:
                telemetry.execute("pubsub.unknown", {"count": 1}, {"kind": name})
            case _:
                raise FrameError(f"not a message of the bus: {message!r:.100}")
        return 0

    def _fresh(self, publisher: Any, sequence: Any) -> bool:
        """Note a broadcast's number; return ``False`` for one that has come before."""
        if type(publisher) is not str or type(sequence) is not int:
            raise FrameError(f"not the number of a broadcast: {sequence!r:.100}")
        missing = self._numbers.take(publisher, sequence)
        self._missing(publisher, missing)
        return missing >= 0


def _check(message: Any) -> None:
    if type(message) is not list or len(message) < 2 or type(message[1]) is not int:
        raise FrameError(f"not a message of the bus: {message!r:.100}")


def _check_user(connection: Any) -> None:
    if not unix.peer_is_ours(connection):
        raise FrameError("it runs as another user")
