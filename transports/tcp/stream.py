"""One non-blocking TCP socket in the dispatcher's epoll set: reading, the write buffer, the end.

A stream owns its descriptor and hands what it reads to ``protocol``: first the HTTP connection,
after an upgrade the WebSocket one. Nothing here blocks, and nothing here knows what is read.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
from collections.abc import Callable
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT
from typing import Any, Final

from actors.crash_log import CrashLog
from actors.runtime.dispatcher import Dispatcher
from actors.runtime.timers import Timer
from transports.tcp.descriptor import Descriptor
from transports.tcp.protocol import StreamProtocol, whole

CRASHES: Final = CrashLog(logging.getLogger("roost.transports"))

FIRST_READ_SIZE: Final = 2048
"""Bytes per read of a peer that has never sent as much at once: to get the larger buffer, and to
give most of it back, costs 0.1 us."""

READ_SIZE: Final = 65536
"""Bytes per read, at most: what one connection may bring in before the others have their turn."""

REQUEST_READ_SIZE: Final = 4096
"""The same while HTTP is spoken: a head or a body that is not complete may come in whatever pieces
are dearest to parse, and costs its sender nothing."""

DEAR_READ: Final = 0.001
"""Seconds. After a read whose bytes took longer the next is half as large, as reading cannot be
interrupted: 64 KiB of tiny frames may take fifty times as long as one large one."""

WRITE_SIZE: Final = 262_144
"""Bytes offered to the kernel at a time when a backlog is sent."""

LINGER: Final = 2.0
"""Seconds that a closing stream still reads, so that the kernel's RST does not overtake the last
answer when the peer had more to say (RFC 9112 §9.6)."""


_NO_LINGER = struct.pack("ii", 1, 0)  # close(2) then sends RST, and not FIN


class Stream(Descriptor):
    """``backlog`` waits for the peer to read, ``queued`` is its size; ``peer`` is (address, port).

    ``on_drained`` is called once when the write buffer has become empty, ``on_closed`` when the
    descriptor is gone. ``send_timeout`` is how many seconds the peer may read nothing of a backlog.
    ``unfinished``: what is sent says nowhere where it ends, so unless all of it was sent the stream
    ends with a reset, which nobody takes for the end. ``paused``: nothing is read.
    """

    __slots__ = (
        "_linger", "_plain", "_progress", "_timer", "dispatcher", "on_closed",
        "on_drained", "paused", "peer", "protocol", "send_timeout", "sock", "unfinished",
    )  # fmt: skip

    scheme = "http"

    def __init__(self, sock: Any, peer: tuple[str, int], dispatcher: Dispatcher) -> None:
        self.sock = sock
        self.peer = peer
        self.dispatcher = dispatcher
        self.protocol: StreamProtocol | None = None
        self.send_timeout = 10.0
        self.unfinished = False
        self.on_closed: Callable[[Stream], object] | None = None
        self.on_drained: Callable[[], object] | None = None
        self.fd: int = sock.fileno()
        self.backlog: bytearray | None = None
        self._progress = 0.0
        self.read_size = FIRST_READ_SIZE
        self.most = READ_SIZE
        self._linger = 0.0
        self._timer: Timer | None = None  # for a backlog, then for the end
        self.is_closing = False
        self.paused = False
        self._plain = True  # what is read goes to the protocol as it is

    def open(self, protocol: StreamProtocol) -> None:
        """Begin to read for ``protocol``."""
        self.protocol = protocol
        self.dispatcher.register(self.fd, EPOLLIN, self.on_events, yields=True)

    def hand_over(self, protocol: StreamProtocol, spare: Timer | None = None) -> None:
        """Read for ``protocol`` from now on; where the stream is gone, tell it so.

        ``spare``: a timer that whoever had the stream before has no more use for.
        """
        if self.fd < 0:
            if spare is not None:
                spare.cancel()
            protocol.connection_lost(None)
        else:
            self.protocol = protocol = whole(protocol)
            protocol.begin_deadlines(spare)
            if self.paused:
                self.resume_reading()

    @property
    def closed(self) -> bool:
        """Whether the descriptor is gone."""
        return self.fd < 0

    @property
    def closing(self) -> bool:
        """Whether :meth:`close` was called, or the descriptor is gone."""
        return self.is_closing or self.fd < 0

    @property
    def queued(self) -> int:
        """Bytes that wait for the peer to read."""
        return len(self.backlog) if self.backlog is not None else 0

    # -- reading

    def on_events(self, mask: int) -> None:
        """Serve what epoll said. What a protocol raises ends its stream: bytes are lost to it."""
        try:
            if mask != EPOLLIN:
                if mask & EPOLLOUT:
                    self._send_backlog()
                if self.paused and mask & (EPOLLERR | EPOLLHUP):
                    self._lost(ConnectionResetError("the peer is gone"))
                if not mask & ~EPOLLOUT or self.fd < 0 or self.paused:
                    return
            try:
                data = self.sock.recv(self.read_size)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._lost(error)
                return
            if data and self._plain:
                self.protocol.data_received(data)  # type: ignore[union-attr] # set by open
            else:
                self.received(data)
            if len(data) >= FIRST_READ_SIZE:
                self.adapt_read_size(len(data))
        except Exception as error:  # noqa: BLE001 - whatever it is, the neighbours go on
            self.failed(error)

    def begin_with(self, data: bytes) -> None:
        """Take ``data``, which was read before the stream was made."""
        try:
            self.received(data)
        except Exception as error:  # noqa: BLE001 - as in on_events
            self.failed(error)

    def give_up(self) -> Any:
        """Return the socket, for another stream: this one is closed, and nobody is told."""
        self.dispatcher.unregister(self.fd)
        self.fd = -1
        self.protocol = None
        return self.sock

    def failed(self, error: Exception) -> None:
        """End it, as what a protocol raises has lost bytes."""
        CRASHES.log(error, "a connection of %s failed", self.peer[0])
        self._lost(error)

    def adapt_read_size(self, size: int) -> None:
        """Let the next read be as large as this one was cheap, which brought ``size`` bytes."""
        took = self.dispatcher.clock() - self.dispatcher.now
        if took > DEAR_READ:
            self.read_size = max(self.read_size // 2, FIRST_READ_SIZE)
        elif size == self.read_size and took < DEAR_READ / 4:
            self.read_size = min(2 * size, self.most)

    def limit_reads(self, size: int) -> None:
        """Read at most ``size`` bytes at a time from now on; :data:`READ_SIZE` is the default."""
        self.most = size
        self.read_size = min(self.read_size, size)

    def received(self, data: bytes) -> None:
        """Take what was read where it is not simply the protocol's; empty: the peer said all."""
        if self.is_closing:
            if data:
                return
            if self.backlog:
                self.pause_reading()  # the peer has said all, and may still read
            else:
                self.abort()
        elif data:
            self.protocol.data_received(data)  # type: ignore[union-attr] # set by open
        else:
            self.pause_reading()
            self.protocol.eof_received()  # type: ignore[union-attr] # set by open

    def pause_reading(self) -> None:
        """Leave what the peer sends in the kernel's buffer."""
        if not self.paused and self.fd >= 0:
            self.paused = True
            self._watch()

    def resume_reading(self) -> None:
        """Read again."""
        if self.paused and self.fd >= 0:
            self.paused = False
            self._watch()

    def _watch(self) -> None:
        reading = 0 if self.paused else EPOLLIN
        self.dispatcher.modify(self.fd, reading | (EPOLLOUT if self.backlog else 0))

    def on_error(self, code: int) -> None:
        """Learn that the kernel answered with ``errno``."""
        self._lost(OSError(code, os.strerror(code)))

    # -- writing

    def write(self, data: bytes) -> None:
        """Send, or keep for later what the kernel does not take. Never blocks, never raises.

        After :meth:`close` it does nothing.
        """
        if self.is_closing or self.fd < 0:
            return
        if self.backlog:
            self.backlog += data
            return
        try:
            sent = self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._lost(error)
            return
        if sent < len(data):
            self.keep(data[sent:])

    def keep(self, rest: bytes) -> None:
        """Send ``rest`` when the peer has read what it has."""
        self.backlog = bytearray(rest)
        self._progress = self.dispatcher.clock()
        self._watch()
        if self._timer is None:  # else it runs since an earlier backlog
            timers = self.dispatcher.timers
            self._timer = timers.call_later(self.send_timeout, self._check_progress)

    def _check_progress(self) -> float | None:
        """Give up on a peer that has taken nothing for ``send_timeout`` seconds."""
        if not self.backlog:
            self._timer = None
            return None
        due = self._progress + self.send_timeout
        if due > self.dispatcher.clock():
            return due
        self._lost(TimeoutError("the peer does not read"))
        return None

    def _send_backlog(self) -> None:
        backlog = self.backlog
        if not backlog:
            return
        try:
            with memoryview(backlog) as view, view[:WRITE_SIZE] as part:
                sent = self.sock.send(part)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(error)
            return
        self._progress = self.dispatcher.clock()
        del backlog[:sent]
        if not backlog:
            self.backlog = None
            if self.is_closing:
                self._half_close()
                return
            self._watch()
            if self.on_drained is not None:
                then, self.on_drained = self.on_drained, None
                then()

    # -- the end

    def close(self, linger: float = LINGER) -> None:
        """Send what waits, say that nothing more comes, and close when the peer has as well.

        ``linger`` is how many seconds the peer has for that after the last byte left; with 0 it is
        waited for only where it has sent more, by default as long.
        """
        if self.is_closing or self.fd < 0:
            return
        self.is_closing = True
        self._plain = False
        self._linger = linger
        self.paused = False  # what comes is thrown away
        if self.backlog:
            self._watch()
        else:
            self._half_close()

    def _half_close(self) -> None:
        self.unfinished = False
        if self._linger <= 0 and not self._more_waits():
            self.abort()
            return
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.abort()
            return
        self._watch()
        self._stop_timer()
        self._timer = self.dispatcher.timers.call_later(self._linger or LINGER, self.abort)

    def _more_waits(self) -> bool:
        """Whether closing now would reset: what is not read overtakes what was sent last."""
        try:
            return bool(self.sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def reset(self) -> None:
        """Close the descriptor now, by a reset."""
        self.unfinished = True
        self.abort()

    def break_off(self) -> None:
        """Close amid what is sent: after an error it must not look whole (RFC 9112 §8)."""
        if self.unfinished:
            self.abort()
        else:
            self.close()

    def _reset_when_closed(self) -> None:
        try:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        except OSError:
            pass  # the peer was faster

    def abort(self) -> None:
        """Close the descriptor now; what waits is lost."""
        self._lost(None)

    def _lost(self, error: Exception | None) -> None:
        if self.fd < 0:
            return
        self.dispatcher.unregister(self.fd)
        self.fd = -1
        self.backlog = self.on_drained = None
        self._stop_timer()
        if self.unfinished:
            self._reset_when_closed()
        self.sock.close()
        protocol, self.protocol = self.protocol, None
        if self.on_closed is not None:
            self.on_closed(self)
        if protocol is not None:
            protocol.connection_lost(error)
