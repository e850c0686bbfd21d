"""One request under another server, with what a handler may ask of an HTTP connection."""

from __future__ import annotations

import _socket
import sys
from collections.abc import Callable, Mapping
from typing import Any

from gevent.event import Event as Waiter
from gevent.ssl import SSLSocket

from actors import telemetry
from actors.errors import HTTPError
from actors.runtime.carrier import Job
from actors.runtime.dispatcher import get_dispatcher
from transports.http import lifecycle as life
from transports.http import logged, told
from transports.http.date import http_date
from transports.http.handling import SERVER_ERROR, UNAVAILABLE, Handler, Resource, call
from transports.http.request import Address, Request
from transports.http.responder import Claims
from transports.http.response import Response, encode
from transports.http.shared import Shared
from transports.tcp.protocol import StreamProtocol
from transports.tcp.stream import Stream
from transports.wsgi.taken import Taken


class Handling(Job):
    """A job that handles ``request``, as its log lines say."""

    __slots__ = ("_request",)

    def __init__(
        self, handle: Callable[[Handler, Request], object], handler: Handler, request: Request
    ) -> None:
        super().__init__(lambda: handle(handler, request))
        self._request = request

    def log_context(self) -> Mapping[str, str]:
        return logged.context(self._request)

    def log_secrets(self) -> tuple[object, ...]:
        return logged.secrets(self._request)


class Exchange(life.Exchanging, StreamProtocol):
    """The interface of :class:`~transports.http.connection.HTTPConnection` over one WSGI call.

    The call's greenlet is in :meth:`run` until the handler has answered or handed over. Then
    ``response`` is to be sent, and with ``close`` the connection to end; ``None``: the descriptor
    is not the server's any more. ``handler`` is pywsgi's; without one nothing can be handed over.
    """

    __slots__ = (
        "_dispatcher", "_handler", "_held", "_lost", "_rest", "_settled", "_stream", "_taken",
        "_watched", "claims", "close", "max_body", "request", "response", "shared",
    )  # fmt: skip

    def __init__(self, handler: Any, taken: Taken, shared: Shared) -> None:
        self._dispatcher = get_dispatcher()
        self._handler = handler
        if handler is not None:
            _send_at_once(handler.socket)
        self._taken = taken
        self.shared = shared
        self._settled = Waiter()
        self._held: Waiter | None = None
        self.state = life.WAITING
        self._lost: Callable[[], object] | None = None
        self._watched = -1
        self._stream: Stream | None = None
        self._rest = b""
        self.request: Request | None = None
        self.response: Response | None = None
        self.close = False
        self.claims: Claims | None = None
        self.max_body = sys.maxsize

    # -- the WSGI call's side

    def begin(self, request: Request, found: tuple[Resource, Any]) -> None:
        """Be the exchange of ``request``, if somebody is to be told of it."""
        if told.REQUEST in telemetry.attached:
            told.begin(request, found, self._dispatcher.clock())
            self.request = request

    def may_proceed(self) -> bool:
        """Wait while the request is held; return whether its body is to be read then.

        Else ``response`` is to be sent. Whoever does not call :meth:`run` calls :meth:`leave`.
        """
        if self._held is not None:
            self._taken.enter(self)
            self._held.wait()
            if self.response is not None:
                self.leave()
        return self.response is None

    def leave(self) -> None:
        """Let go: the handler has been run, or will not be, which whoever waits for it is told."""
        self._unwatch()
        self._taken.discard(self)
        self._tell_lost()

    def _tell_lost(self) -> None:
        lost, self._lost = self._lost, None
        if lost is not None:
            lost()

    def run(self, resource: Resource, request: Request, patience: float) -> None:
        """Run the handler of ``resource`` on a carrier and wait for what comes of it.

        Every ``patience`` seconds it is seen whether it ever will run.
        """
        self._taken.enter(self)
        self.move(life.COMPLETE)
        try:
            self._dispatcher.schedule(Handling(self._handle, resource.handle, request))
            while not self._settled.wait(patience):
                if self.state is life.QUEUED and resource.gives_up(request):
                    lost = self._lost
                    self.respond(UNAVAILABLE, close=True)
                    self._lost = lost  # whom leave() tells
        finally:  # also when the server kills this greenlet
            self.move(life.LOST)
            self._settled.set()
            self.leave()

    def _handle(self, handler: Handler, request: Request) -> None:
        if self.state is not life.QUEUED:
            return
        self.move(life.START)
        response, failed = call(handler, request, self)
        if response is not None:
            self.respond(response, close=failed)

    # -- the handler's side

    def respond(self, response: Response, *, close: bool = False) -> None:
        unread = self.state is life.WAITING or self.state is life.JUDGED
        if not self.move(life.CLOSE if unread else life.RESPOND):
            return
        self._lost = None
        stream = self._stream
        self._settled.set()
        self.proceed()
        if stream is None:
            self.response, self.close = response, close
        elif self.state is life.BROKEN:
            stream.break_off()
        else:  # which the server cannot do any more
            stream.write(encode(response, close=True, date=http_date()))
            stream.close()

    def limit_body(self, most: int) -> None:
        self.max_body = most

    def hold(self) -> None:
        self.move(life.HOLD)
        self._held = Waiter()

    def proceed(self) -> None:
        if self.state is life.HELD:
            self.move(life.PROCEED)
        if self._held is not None:
            self._held.set()

    closes = True
    """A handler that writes to ``stream`` itself writes the connection's last answer."""

    def answered(self, *, close: bool = True, status: int | None = None, size: int = 0) -> None:  # noqa: ARG002 - see closes
        self.stream.close()
        if self.move(life.FINISH):
            self.move(life.CLOSE)
        self._settled.set()

    @property
    def draining(self) -> bool:
        return self._taken.draining

    def on_lost(self, callback: Callable[[], object], *, at_eof: bool = False) -> None:  # noqa: ARG002
        # As in our own server that is a reset, and not the end of what the client sends.
        if self._stream is not None and self._stream.closed:
            callback()
            return
        self._lost = callback
        if self._handler is not None and self._stream is None and self._watched < 0:
            self._watched = self._handler.socket.fileno()
            self._dispatcher.register(self._watched, 0, self._hung_up)

    def _hung_up(self, mask: int) -> None:  # noqa: ARG002 - the dispatcher's shape
        self._unwatch()
        self._tell_lost()
        self.respond(SERVER_ERROR, close=True)

    def _unwatch(self) -> None:
        if self._watched >= 0:
            self._dispatcher.unregister(self._watched)
            self._watched = -1

    @property
    def stream(self) -> Stream:
        """The connection's stream; asking for it takes the descriptor away from the server.

        :class:`HTTPError`: 501 where that cannot be done, 503 over a limit or while draining.
        """
        if self._stream is None:
            self._stream = self._take()
        return self._stream

    def _take(self) -> Stream:
        handler = self._handler
        if self.state is life.ANSWERED or self.state is life.CLOSED:
            raise HTTPError(503, "the server ended the request")
        if handler is None:
            raise HTTPError(501, "WebSockets need gevent's pywsgi")
        if isinstance(handler.socket, SSLSocket):
            raise HTTPError(501, "WebSockets need TLS to end before this server")
        address = handler.client_address
        peer = address[:2] if isinstance(address, tuple) else ("", 0)
        self._taken.admit(peer[0])
        self._unwatch()
        sock, self._rest = _detach(handler)
        stream = Stream(sock, peer, self._dispatcher)
        self._taken.add(stream)
        stream.open(self)
        stream.pause_reading()
        return stream

    def admit_client(self, peer: Address) -> bool:  # noqa: ARG002 - Responder
        return True  # whoever takes the stream is judged then

    def hand_over(self, protocol: StreamProtocol) -> bytes:
        stream = self.stream
        self._lost = None
        self.move(life.HAND_OVER)
        stream.hand_over(protocol)
        self._settled.set()
        return self._rest

    # -- the stream's side, until it is handed over

    def data_received(self, data: bytes) -> None:
        """Nothing is read before there is somebody to read it."""

    def eof_received(self) -> None:
        """As little."""

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - StreamProtocol
        """Tell the writer; a protocol that is still to come is told when it comes."""
        self._tell_lost()
        if self.begun:
            self.move(life.LOST)
            self._settled.set()


def _send_at_once(sock: Any) -> None:
    """Have small writes leave: pywsgi sends head and body by two, and waits 40 ms in between."""
    if sock.family != _socket.AF_UNIX:
        try:
            sock.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        except OSError:
            pass  # the client is gone


def _detach(handler: Any) -> tuple[Any, bytes]:
    """Return the socket of pywsgi's ``handler`` and what it has read ahead; it closes neither."""
    sock = handler.socket
    sock.setblocking(False)  # so that peek does not wait where nothing was read
    try:
        rest = handler.rfile.peek()
    except OSError:
        rest = b""  # a reset, which the stream will see as well
    family = sock.family
    raw = _socket.socket(family, _socket.SOCK_STREAM, 0, sock.detach())
    raw.setblocking(False)
    handler.socket = None
    handler.headers_sent = handler.close_connection = True
    handler.status = "101 Switching Protocols"  # for the server's log
    return raw, rest
