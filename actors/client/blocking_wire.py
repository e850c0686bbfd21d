"""What one attempt of the client on gevent does: connect, shake hands, read, and write beside it.

Every wait has a deadline, but for the one for the next message: heartbeats watch over that.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

import gevent
from gevent import socket
from gevent.event import Event

from actors.client.address import Address, check_host
from actors.client.options import ClientOptions
from actors.client.tls import TLS
from actors.client.websocket import ABNORMAL, WebSocket
from actors.client.wire import READ, WRITE, Owner, Wire
from actors.crash_text import crash
from actors.errors import ConnectFailed
from actors.serializers.message import Frame

Spawned: TypeAlias = "gevent.Greenlet[..., Any]"


class BlockingWire(Wire):
    """One attempt, and the connection that comes of it: a greenlet that reads, one that writes."""

    _news: Event
    _drained: Event

    def __init__(
        self,
        owner: Owner,
        attempt: int,
        options: ClientOptions,
        address: Address,
        context: ssl.SSLContext | None,
    ) -> None:
        super().__init__(owner, attempt, options, Event(), Event())
        self._address = address
        self._context = context
        self._socket: socket.socket | None = None
        self._tls: TLS | None = None
        self._writer: Spawned | None = None
        self._reader: Spawned | None = None
        self._limit: Spawned | None = None

    def start(self, make: Callable[[], WebSocket]) -> None:
        """Begin; ``make`` may call functions of the application's, and block."""
        self._reader = gevent.spawn(self._run, make)

    def wait(self, seconds: float) -> None:
        """Wait until nothing of it runs."""
        if self._reader is not None and self._reader is not gevent.getcurrent():
            self._reader.join(seconds)

    def _kill_in(self, seconds: float) -> None:
        if seconds:
            self._limit = gevent.spawn_later(seconds, self._kill)
        else:
            self._kill()

    def _kill(self, error: BaseException | type[BaseException] = gevent.GreenletExit) -> None:
        if self._reader is not None and self._reader is not gevent.getcurrent():
            self._reader.kill(error, block=False)

    def forked(self) -> None:
        super().forked()
        for each in (self._reader, self._writer):
            if each is not None:
                each.kill(block=False)

    # -- the greenlet that reads

    def _run(self, make: Callable[[], WebSocket]) -> None:
        try:
            self._websocket, early = self._open(make)
            if self._ended:  # ``make`` has called close(), and this greenlet was not killed
                return
            self._writer = gevent.spawn(self._write)
            self._told(self._owner.wire_opened)
            self._read(self._websocket, early)
            self._tell_lost(*self._websocket.why())
            self._drain()
        except ConnectFailed as error:
            self._tell_lost(ABNORMAL, str(error), error)
        except OSError as error:
            self._tell_lost(ABNORMAL, f"the connection was lost: {error!s:.200}")
        except BaseException as error:  # a mistake of ours costs one connection
            self._tell_lost(ABNORMAL, f"the client failed: {crash(error)}")
            if isinstance(error, gevent.get_hub().SYSTEM_ERROR):
                raise
        finally:
            self._release()

    def _open(self, make: Callable[[], WebSocket]) -> tuple[WebSocket, list[Frame]]:
        limit = self._options.connect_timeout
        with gevent.Timeout(limit, ConnectFailed(f"no connection in {limit:g} s")):
            websocket = make()
            host, port = self._address.host, self._address.port
            check_host(host)
            try:
                self._socket = socket.create_connection((host, port))
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._context is not None:
                    self._secure(TLS(self._context, host), self._socket)
                self._put(websocket.outgoing())
                early: list[Frame] = []
                while not websocket.is_open and not websocket.is_over:
                    early += websocket.received(self._receive())
                return websocket, early
            except OSError as error:
                raise ConnectFailed(f"{error!s:.200}") from None

    def _secure(self, tls: TLS, sock: socket.socket) -> None:
        done = tls.shake_hands()
        while True:
            sock.sendall(tls.outgoing())
            if done:
                break
            data = sock.recv(READ)
            if not data:
                raise ConnectFailed("it ended in the handshake of TLS")
            done = tls.shake_hands(data)
        self._tls = tls

    def _read(self, websocket: WebSocket, frames: list[Frame]) -> None:
        while True:
            self._queue(0)  # pongs, and what answers a Close frame
            for frame in frames:
                self._told(self._owner.wire_received, frame)
            if websocket.is_over:
                return
            while self._is_full:
                self._drained.clear()
                self._drained.wait()
            frames = websocket.received(self._receive())

    def _drain(self) -> None:
        """Wait until the server closes, as RFC 6455 §7.1.1 has it; but not for long."""
        limit = self._options.close_timeout
        with suppress(OSError), gevent.Timeout(limit, TimeoutError()):
            while self._receive():
                pass

    def _receive(self) -> bytes:
        """Return what comes, ``b""`` at the end."""
        while self._socket is not None:
            data = self._socket.recv(READ)
            if self._tls is None or not data:
                return data
            said = self._tls.received(data)
            if self._tls.has_outgoing:
                self._queue(0, wake=True)
            if said or self._tls.is_over:
                return said
        return b""

    def _release(self) -> None:
        for each in (self._writer, self._limit):
            if each is not None:
                each.kill(block=False)
        if self._socket is not None:
            self._socket.close()

    # -- the greenlet that writes

    def _write(self) -> None:
        try:
            while True:
                while not self._waiting:
                    self._news.clear()
                    self._news.wait()
                data, size = self._waiting.popleft()
                self._put(data)
                self._left(data, size)
        except TimeoutError as error:
            self._kill(error)
        except OSError:  # who reads finds out, after what the server has said before
            self._waiting_bytes = 0
            self._drained.set()

    def _put(self, data: bytes) -> None:
        """Send ``data``; ``OSError`` where the other side takes none of it for ``send_timeout``."""
        if self._tls is not None:
            self._tls.send(data)
            data = self._tls.outgoing()
        limit = self._options.send_timeout
        rest = memoryview(data)
        while rest and self._socket is not None and not self._is_forked:
            with gevent.Timeout(limit, TimeoutError(f"the server took nothing for {limit:g} s")):
                rest = rest[self._socket.send(rest[:WRITE]) :]
