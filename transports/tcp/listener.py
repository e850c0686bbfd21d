"""Accepting: one listening socket in the dispatcher's epoll set.

A process at its limit of descriptors must not spin on an accept that fails, nor leave clients in
the kernel's queue: a descriptor is kept in reserve, given up to accept the next client, who is told
503, and taken again.
"""

from __future__ import annotations

import _socket
import errno
import io
import logging
import os
import socket
import ssl
from collections.abc import Callable
from select import EPOLLIN
from typing import TYPE_CHECKING, Any, Final

from gevent import monkey
from gevent.event import Event

from actors.capped_log import CappedLog
from actors.crash_log import later
from actors.runtime.dispatcher import Dispatcher
from transports.tcp.admission import PER_ADDRESS, TOTAL, Admission, Bound
from transports.tcp.patience import LOOK, Patience
from transports.tcp.preface import CLOSED, PrefaceReader
from transports.tcp.protocol import StreamProtocol
from transports.tcp.stream import Stream
from transports.tcp.tls import HANDSHAKE_TIMEOUT, TLSStream
from transports.tcp.trust import UNIX, TrustedProxies
from transports.turned_away import turned_away

if TYPE_CHECKING:
    from actors.runtime.timers import Timer
    from supervision.processes.load import LoadShare

logger = logging.getLogger("roost.transports")

AFTER_YOU: Final = 0.002
"""Seconds that a crowded process leaves clients to the others; then it takes who is still there."""

ACCEPTS_PER_TURN: Final = 32
"""Clients accepted, at most, before those already connected get their turn."""

ACCEPTS_AT_LEAST: Final = 8
"""Clients accepted at a time although the dispatcher's slice is over: where a thousand others send,
the turn of who is new does not come often."""

PAUSE: Final = 0.1
"""Seconds without accepting after an error that is not the client's."""

BUSY_STATUS: Final = 503

BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)
_WHY: Final = {
    TOTAL: "too many connections", PER_ADDRESS: "too many connections of its address"
}  # fmt: skip
_poll: Any = monkey.get_original("select", "poll")
OUT_OF_DESCRIPTORS: Final = frozenset({errno.EMFILE, errno.ENFILE})
NOT_OURS: Final = frozenset(
    {
        errno.EAGAIN,  # another process was faster
        errno.EINTR,
        # accept(2): a client's own network errors come out here, and mean "try the next one".
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENONET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
    }
)


class Listener:
    """``open_connection(stream)`` returns the protocol that reads a new client's stream.

    ``max_connections`` bounds the streams open at once, ``max_per_address`` those of one address;
    ``None`` is no bound but the process's descriptors. A client beyond them gets 503. Listeners
    with one ``admission`` share the bounds. With ``tls``,
    a client has ``handshake_timeout`` seconds for its handshake. Peers that are ``trusted`` are
    proxies: their streams are not bounded by ``max_per_address`` until :meth:`readdress` says
    whose they are. ``by_preface``: nobody else may connect, and those speak the PROXY protocol
    first, within ``handshake_timeout`` as well. With ``load``, who comes is left
    to other processes first while it says that this one is crowded, and while they have room where
    this one has none. ``accepted`` counts all that came, also those that were turned away.
    """

    def __init__(  # noqa: PLR0913 - all but three by name
        self,
        sock: socket.socket,
        dispatcher: Dispatcher,
        open_connection: Callable[[Stream], StreamProtocol],
        *,
        tls: ssl.SSLContext | None = None,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
        max_connections: int | None = None,
        max_per_address: int | None = None,
        trusted: TrustedProxies | None = None,
        by_preface: bool = False,
        admission: Admission | None = None,
        load: LoadShare | None = None,
    ) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._fd = sock.fileno()
        self._family = sock.family
        self._dispatcher = dispatcher
        self._open_connection = open_connection
        self._tls = tls
        self._handshake_timeout = handshake_timeout
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._trusted = trusted or TrustedProxies()
        self._by_preface = by_preface
        self._load = load
        self._admission = admission or Admission()
        self._reserve: io.FileIO | None = io.FileIO(os.devnull)
        # accept() of the class above makes an object for each client, at twice the cost.
        raw: Any = _socket.socket(fileno=os.dup(self._fd))
        self._accept = raw._accept  # noqa: SLF001 - see above
        self.accepted = 0
        self._lines = CappedLog(logger, later=later)
        self._rest_timer: Timer | None = None
        self._accepting = False
        self._standing_back = False
        self._patience = Patience()
        self._patience_full = Patience(2)  # those that stand back take who waits before
        self.streams: set[Stream] = set()
        self._empty: Event | None = None

    @property
    def address(self) -> tuple[str, int]:
        """The address that is listened on."""
        host, port = self._sock.getsockname()[:2]
        return host, port

    def start(self) -> None:
        """Begin to accept."""
        if not self._accepting:
            self._accepting = True
            if self._load is not None:
                self._load.enter()
            self._dispatcher.register(self._fd, EPOLLIN, self._readable)

    def stand_back(self, back: bool) -> None:  # noqa: FBT001 - the master's word
        """Leave new clients to other processes as long as those take them; or no longer.

        Nobody is refused meanwhile. Where the others do nothing for :data:`.patience.PATIENCE`
        seconds while a client waits, because they hang, are full or are no more, it is taken.
        """
        self._standing_back = back
        if self._load is not None:
            self._load.stand_back(back)

    def pause(self) -> None:
        """Leave new clients in the kernel's queue."""
        if self._accepting:
            self._accepting = False
            self._dispatcher.unregister(self._fd)
        if self._rest_timer is not None:
            self._rest_timer.cancel()
            self._rest_timer = None

    def stop(self) -> None:
        """Close the listening socket; open streams live on."""
        if self._fd >= 0:
            self.pause()
            self._fd = -1
            if self._load is not None:
                self._load.withdraw()
            self._accept.__self__.close()
            self._sock.close()
            self._give_up_reserve()

    def wait_empty(self, timeout: float) -> bool:
        """Wait until no stream is open; return whether that came about in ``timeout`` seconds."""
        if self.streams:
            self._empty = Event()
            self._empty.wait(timeout)
        return not self.streams

    def _readable(self, mask: int) -> None:  # noqa: ARG002 - the dispatcher's shape
        if self._load is not None and self._load.crowded():
            self._rest(AFTER_YOU)
        else:
            self._accept_some()

    def _left_to_others(self, load: LoadShare) -> bool:
        """Whether a waiting client is left to other processes; then we look again soon."""
        if self._standing_back:
            now = self._dispatcher.clock()
            left = self._patience.lasts(now, load.accepting_elsewhere())
        else:
            most = self._max_connections
            full = most is not None and self._admission.count >= most
            left = full and self._somebody_waits() and self._room_elsewhere(load)
        if left:
            self._rest(LOOK)
        return left

    def _room_elsewhere(self, load: LoadShare) -> bool:
        """Whether others may take whom this process could only turn away."""
        counts = load.elsewhere()
        most = self._max_connections
        if not any(most is None or count < most for count in counts):
            return False
        return self._patience_full.lasts(self._dispatcher.clock(), counts)

    def _accept_some(self) -> None:
        for count in range(ACCEPTS_PER_TURN):
            if self._load is not None and self._left_to_others(self._load):
                return
            try:
                fd, address = self._accept()
            except OSError as error:
                self._failed(error)
                return
            self._accepted(_socket.socket(self._family, socket.SOCK_STREAM, 0, fd), address)
            if count >= ACCEPTS_AT_LEAST and self._dispatcher.slice_over():
                return  # epoll says again who is still waiting

    def _accepted(self, sock: _socket.socket, address: tuple[str, int]) -> None:
        self.accepted += 1
        host, port = address[0], address[1]
        sock.setblocking(False)
        if self._by_preface and not self._trusted.trusts(host):
            sock.close()
            CLOSED.log(logging.WARNING, self, "closed a connection of %s: no trusted proxy", host)
            turned_away(None, "untrusted", None)
            return
        reached = self._admission.reached(host, self._max_connections, self._most_of(host))
        if reached is not None:
            self._turn_away(sock, reached)
            return
        self._admission.enter(host)
        if self._load is not None:
            self._load.opened()
        if self._by_preface:
            stream = self._added(Stream(sock, (host, port), self._dispatcher))
            stream.open(PrefaceReader(stream, self._handshake_timeout, self._prefaced))
        else:
            stream = self._added(self._stream(sock, (host, port)))
            stream.open(self._open_connection(stream))

    def _stream(self, sock: Any, peer: tuple[str, int]) -> Stream:
        if self._tls is None:
            return Stream(sock, peer, self._dispatcher)
        return TLSStream(sock, peer, self._dispatcher, self._tls, self._handshake_timeout)

    def _added(self, stream: Stream) -> Stream:
        stream.on_closed = self._closed
        self.streams.add(stream)
        return stream

    def _prefaced(
        self, stream: Stream, client: tuple[str, int] | None, rest: bytes
    ) -> StreamProtocol | None:
        """Serve what came behind the PROXY protocol; see :class:`.preface.Begin`."""
        if client is not None and not self.readdress(stream, client):
            if self._tls is None:
                stream.write(BUSY)
                stream.close()
            else:
                stream.abort()
            return None
        if self._tls is None:
            protocol = self._open_connection(stream)
            stream.hand_over(protocol)
            if rest:
                protocol.data_received(rest)
            return protocol
        self.streams.discard(stream)
        inside = self._added(self._stream(stream.give_up(), stream.peer))
        protocol = self._open_connection(inside)
        inside.open(protocol)
        if rest:
            inside.begin_with(rest)
        return protocol

    def _most_of(self, host: str) -> int | None:
        """Return how many streams that address may have: a proxy has those of its clients.

        Whoever comes by a Unix socket has no address.
        """
        most = self._max_per_address
        unbound = most is None or host == UNIX or self._trusted.trusts(host)
        return None if unbound else most

    def readdress(self, stream: Stream, peer: tuple[str, int]) -> bool:
        """Count ``stream``, which a trusted proxy has opened, as one of its client's: of ``peer``.

        ``False``: that address has too many. Then it stays the proxy's, and is to be told 503.
        """
        if stream not in self.streams:
            return True  # it is closed, and counted no more
        host = peer[0]
        if self._admission.reached(host, None, self._most_of(host)):
            self._count_turned_away(PER_ADDRESS, BUSY_STATUS)
            return False
        self._admission.leave(stream.peer[0])
        self._admission.enter(host)
        stream.peer = peer
        return True

    def _closed(self, stream: Stream) -> None:
        self.streams.discard(stream)
        if self._load is not None:
            self._load.closed()
        if self._empty is not None and not self.streams:
            self._empty.set()
        self._admission.leave(stream.peer[0])

    def _failed(self, error: OSError) -> None:
        """Sort out why accept() failed; epoll says again what is still waiting."""
        if error.errno in NOT_OURS:
            return
        if error.errno in OUT_OF_DESCRIPTORS:
            if self._load is not None and self._room_elsewhere(self._load):
                self._rest(LOOK)
            else:
                self._use_reserve()
            return
        self._lines.log(logging.ERROR, error.errno, "accepting failed: %s", error)
        self._rest(PAUSE)

    def _use_reserve(self) -> None:
        self._give_up_reserve()
        try:
            fd, _ = self._accept()
            self._turn_away(_socket.socket(self._family, socket.SOCK_STREAM, 0, fd), TOTAL)
            self._reserve = io.FileIO(os.devnull)
        except BlockingIOError:
            self._reserve = io.FileIO(os.devnull)  # another process took the client
        except OSError:
            self._rest(PAUSE)  # another thread took the descriptor; there will be one again

    def _give_up_reserve(self) -> None:
        if self._reserve is not None:
            self._reserve.close()  # not os.close: gevent's puts it off
            self._reserve = None

    def _rest(self, seconds: float) -> None:
        """Accept nobody for so long; then those still there are accepted, crowded or not."""
        self.pause()
        self._rest_timer = self._dispatcher.timers.call_later(seconds, self._rested)

    def _rested(self) -> None:
        self._rest_timer = None
        if self._reserve is None:
            try:
                self._reserve = io.FileIO(os.devnull)
            except OSError:
                pass  # accept() is going to say the same
        self.start()
        if self._somebody_waits():
            self._accept_some()
        else:
            self._patience.reset()
            self._patience_full.reset()

    def _somebody_waits(self) -> bool:
        poll = _poll()
        poll.register(self._fd, EPOLLIN)
        return bool(poll.poll(0))

    def _turn_away(self, sock: _socket.socket, reached: Bound) -> None:
        """Say 503 as far as the kernel takes it at once; TLS clients just see the end."""
        if self._tls is None:
            try:
                sock.setblocking(False)
                sock.send(BUSY)
            except OSError:
                pass
        sock.close()
        self._count_turned_away(reached, BUSY_STATUS if self._tls is None else None)

    def _count_turned_away(self, reached: Bound, status: int | None) -> None:
        self._lines.log(logging.WARNING, reached, "turned away a client: %s", _WHY[reached])
        turned_away(None, "limit" if reached is TOTAL else "address_limit", status)
