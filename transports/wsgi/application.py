"""Our sockets inside an existing gevent server: ``application = endpoint.wsgi(flask_app)``.

The server is ``gevent.pywsgi`` with gevent-websocket's handler, or gunicorn with its worker::

    WSGIServer(address, application, handler_class=WebSocketHandler).serve_forever()
    gunicorn -k geventwebsocket.gunicorn.workers.GeventWebSocketWorker module:application

Before gevent-websocket looks at a request it asks its server for a ``pre_start_hook``. Ours, set
on ``gevent.pywsgi.WSGIServer`` when an application is made here, says that the paths of our mounts
are to be served as plain requests. So the upgrade is judged by our own checks, and the 101 is ours.
Then the descriptor moves from pywsgi's socket to a stream of ours, with what pywsgi had read beyond
the request, and the WSGI call ends: codec, limits and close codes are our server's, and an open
connection costs no greenlet. Sockets of other paths remain gevent-websocket's.
``geventwebsocket.WebSocketServer`` sets a hook of its own: give it
``pre_start_hook=transports.wsgi.pre_start_hook``.

What remains pywsgi's, so that such a server belongs behind a proxy that is strict:

* It has no deadline and no bound for heads, and reads what is left of a body for ever.
* It takes bare LF, folded lines, a space before a colon and absolute targets. What can still be
  seen of that is refused on our paths (as are two Hosts or lengths, and unknown codings); the end
  of a line cannot.
* TLS stays in its socket: an upgrade is 501 under TLS. Let the proxy end it.
* A long poll that is held keeps its greenlet. Its session lives in one process: with several
  workers only clients that come back to the same one can poll, unless a Redis links them.

When the server has stopped (gunicorn on TERM and HUP), every connection is told 1012 and held polls
are answered; so it is when the process exits in an orderly way. A program that wants it earlier
calls :meth:`WSGIApplication.drain`. A pywsgi script has to turn the signal into an exit:
``gevent.signal_handler(signal.SIGTERM, server.stop)``.
"""

from __future__ import annotations

import _socket
import atexit
import logging
import os
import re
from collections.abc import Callable, Iterable
from http.client import responses
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

import gevent
from gevent import monkey
from gevent.pywsgi import WSGIHandler, WSGIServer

from actors.errors import HTTPError
from actors.pubsub import server as topics
from actors.runtime.dispatcher import get_dispatcher
from transports.http import told
from transports.http.handling import NOT_FOUND, SERVER_ERROR, UNAVAILABLE, encoded, refusal
from transports.http.response import WITHOUT_BODY
from transports.http.shared import SMALL_BODY, Bodies, Shared
from transports.wsgi.environ import headers_of, target_of, to_request
from transports.wsgi.exchange import Exchange
from transports.wsgi.servers import Servers
from transports.wsgi.taken import Taken

if TYPE_CHECKING:
    from geventwebsocket.handler import WebSocketHandler

    from transports.http.handling import Resource
    from transports.http.request import Request
    from transports.http.response import Response
    from transports.wsgi.gateway import Application
    from transports.wsgi.host import Host, Options


logger = logging.getLogger("roost.transports")

HANDLER: Final = "transports.wsgi.handler"
"""Where in an environment the hook leaves pywsgi's handler, for middleware hides it otherwise."""

# Of the two, another server on the way may have gone by the other one.
_AMBIGUOUS: Final = "the 'content-length' header must not be beside 'transfer-encoding'"
_LENGTH = re.compile(r"[0-9]{1,19}")


class WSGIApplication:
    """Serves the mounts of an endpoint, and hands ``application`` all else.

    Mounts are found by the path that the client sent, whatever ``SCRIPT_NAME`` says.
    ``host`` has the endpoint's tree, which runs from the first request on; while it cannot, the
    mounts are answered 503. ``application=None`` answers 404.
    """

    def __init__(
        self, host: Host, options: Options, application: Application | None = None
    ) -> None:
        self._host = host
        self._options = options
        self._application = application or _not_found
        self._serving = 0
        if monkey.is_module_patched("socket"):
            topics.serves = True  # a server on gevent is to come, and what it runs may broadcast
        self._begin()
        _applications.add(self)
        WSGIServer.pre_start_hook = staticmethod(pre_start_hook)  # type: ignore[attr-defined]
        if WSGIHandler.MessageClass is _parse_headers:
            WSGIHandler.MessageClass = _message  # type: ignore[assignment,method-assign]

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._routes = self._host.routes()
        options = self._options
        self.taken = Taken(options.max_connections, options.max_connections_per_address)
        self.shared = Shared.of(self._options.http)
        self._servers = Servers(self._stopped)

    def _serve(self, environ: dict[str, Any]) -> None:
        """Make ready at the first request, which a preloaded application gets in a fork."""
        if self._pid != os.getpid():
            self._begin()
        self._serving = self._pid
        if gevent.getcurrent().parent is not None:  # else a server on threads, which has no sockets
            topics.serves = True
        atexit.register(self._exit)
        if environ.get("wsgi.multiprocess") and not self._host.linked:
            logger.warning(
                "this server runs several processes, and the endpoint is in each of them by itself:"
                " broadcasts reach the subscribers of one process, children run in each, and a long"
                " poll must come to the process of its session. Give Endpoint(redis=...), use one"
                " process, or python -m actors.endpoint, whose workers are connected"
            )
            self._host.several()

    def takes(self, path: str) -> bool:
        """Whether a mount takes ``path``, as it was sent."""
        return self._routes.mounted(path) is not None

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        if self._serving != os.getpid():
            self._serve(environ)
        handler = _handler_of(environ, start_response)
        target = target_of(environ) if handler is None else handler.path
        found = self._routes.mounted(target.partition("?")[0])
        if found is None:
            return self._application(environ, start_response)
        _check_server(environ)
        self._servers.seen(handler and handler.server)
        exchange = Exchange(handler, self.taken, self.shared)
        if not self.taken.draining and not self._host.enter(self, self._end):
            exchange.respond(UNAVAILABLE, close=True)
            return _answer(environ, start_response, exchange, named=handler is not None)
        resource, path_params = found
        headers = headers_of(environ) if handler is None else handler.headers.items()
        try:
            request = to_request(environ, target, headers)
            request.path_params = path_params
            exchange.begin(request, found)
            receiver = _Receiver(handler, self.shared.bodies)
            verdict = self._read(resource, request, exchange, environ, receiver)
        except HTTPError as error:
            verdict = refusal(error)
        except BaseException:  # its server ends this greenlet
            exchange.leave()
            raise
        if verdict is not None:
            exchange.leave()
            exchange.respond(verdict, close=True)
        if exchange.response is None:
            exchange.run(resource, request, self._options.http.header_timeout)
        elif handler is not None:
            _abandon(handler)  # what is left of the body would be taken for a request
        if exchange.response is None:
            return []
        return _answer(environ, start_response, exchange, named=handler is not None)

    def _read(
        self,
        resource: Resource,
        request: Request,
        exchange: Exchange,
        environ: dict[str, Any],
        receiver: _Receiver,
    ) -> Response | None:
        """Read the body when the resource wants it; return what it has against the request."""
        if receiver.ambiguous:
            raise HTTPError(400, _AMBIGUOUS)
        length = _length(request, environ, self._options.http.max_body)
        verdict = resource.judge(request, exchange, whole=False)
        if verdict is not None or not exchange.may_proceed():
            return verdict
        options = self._options.http
        most = min(options.max_body, exchange.max_body)
        request.body = _body(environ, length, most, options.body_timeout, receiver)
        return None

    def drain(self, budget: float | None = None) -> bool:
        """End every connection with 1012; further ones are 503. Return whether all ended in time.

        ``budget`` is in seconds, by default the endpoint's ``grace``; what is left is cut off. The
        endpoint's tree ends with the last of its applications: its watchers first, its children
        when the connections have ended.
        """
        self.taken.draining = True
        return self._host.leave(self, self._options.grace if budget is None else budget)

    def _stopped(self) -> None:
        """Have clients go elsewhere: the server has gone, and its process may be killed soon."""
        if not self.taken.draining:
            logger.info("its server has stopped: clients are told to come back")
            self._routes.sessions.drain()
            self.taken.tell()

    def _end(self, seconds: float) -> bool:
        """End the connections that are left."""
        self._routes.sessions.drain()
        return self.taken.drain(seconds)

    def _exit(self) -> None:
        if self._pid == os.getpid() and get_dispatcher().on_this_thread():
            self.drain()


_applications: WeakSet[WSGIApplication] = WeakSet()


def pre_start_hook(handler: WebSocketHandler) -> bool:
    """Tell gevent-websocket whether a request is ours, so that it keeps its hands off it."""
    path = (handler.path or "").partition("?")[0]
    application = handler.application
    among = [application] if isinstance(application, WSGIApplication) else _applications
    ours = any(application.takes(path) for application in among)
    if ours and handler.environ is not None:
        handler.environ[HANDLER] = handler
    return ours


_parse_headers: Any = WSGIHandler.MessageClass


def _message(handler: WSGIHandler, *arguments: Any) -> Any:
    """Parse headers as pywsgi does, which then drops a length beside a coding: keep that it was."""
    message = _parse_headers(handler, *arguments)
    message.ambiguous = "transfer-encoding" in message and "content-length" in message
    return message


def _handler_of(environ: dict[str, Any], start_response: Any) -> Any:
    """Return pywsgi's handler of this request; ``None`` under another server."""
    handler = environ.get(HANDLER) or getattr(start_response, "__self__", None)
    return handler if isinstance(handler, WSGIHandler) else None


def _check_server(environ: dict[str, Any]) -> None:
    if environ.get("wsgi.websocket") is not None:
        raise RuntimeError(
            "gevent-websocket answered this upgrade before the endpoint saw it; give its server"
            " pre_start_hook=transports.wsgi.pre_start_hook"
        )
    if gevent.getcurrent().parent is not gevent.get_hub():
        raise RuntimeError("the endpoint's sockets need a server on gevent, one greenlet a request")


class _Receiver:
    """Reads one body in the call's greenlet, as one of ``bodies``."""

    def __init__(self, handler: Any, bodies: Bodies) -> None:
        self._handler = handler
        self._bodies = bodies
        self._refused = False
        self.ambiguous = handler is not None and getattr(handler.headers, "ambiguous", False)

    def read(self, source: Any, size: int) -> bytes:
        """Return up to ``size`` bytes of ``source``; :class:`HTTPError` 503 where room is short."""
        body = bytearray()
        clock = get_dispatcher().clock
        try:
            while len(body) < size:
                try:
                    part = source.read(min(size - len(body), SMALL_BODY))
                except OSError:
                    part = b""
                    if not self._refused:
                        raise
                body += part
                if part:
                    self._bodies.grown(self, len(body), clock())
                if self._refused:
                    raise HTTPError(503, "", UNAVAILABLE.headers)
                if not part:
                    break
        finally:
            self._bodies.forget(self)
        return bytes(body)

    def refuse_body(self) -> None:
        """Wake the greenlet where it waits for more, to answer 503."""
        self._refused = True
        if self._handler is not None:
            _abandon(self._handler)


def _length(request: Request, environ: dict[str, Any], most: int) -> int | None:
    """Return how long the body is, ``None`` for a chunked one; :class:`HTTPError` to refuse it."""
    codings = request.headers_named("transfer-encoding")
    lengths = request.headers_named("content-length")
    if codings:
        terminated = environ.get("wsgi.input_terminated")
        if lengths:
            raise HTTPError(400, _AMBIGUOUS)
        if request.version != "1.1":
            raise HTTPError(400, "the 'transfer-encoding' header must be in HTTP/1.1")
        if [coding.lower() for coding in codings] != ["chunked"] or not terminated:
            raise HTTPError(400, "the 'transfer-encoding' header must be 'chunked'")
        return None
    if not lengths:
        return 0
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise HTTPError(400, "the 'content-length' header must be one number of bytes")
    size = int(lengths[0])
    if size > most:
        raise HTTPError(413, f"the body must be at most {most} bytes, got {size}")
    return size


def _body(
    environ: dict[str, Any], length: int | None, most: int, deadline: float, receiver: _Receiver
) -> bytes:
    """Read the body; :class:`HTTPError` where it has to be refused."""
    if length == 0:
        return b""
    body = _read(environ, most + 1 if length is None else length, deadline, receiver)
    if len(body) > most:
        raise HTTPError(413, f"the body must be at most {most} bytes")
    return body


def _read(environ: dict[str, Any], size: int, deadline: float, receiver: _Receiver) -> bytes:
    timeout = gevent.Timeout(deadline)
    try:
        with timeout:
            return receiver.read(environ["wsgi.input"], size)
    except gevent.Timeout as expired:
        if expired is not timeout:
            raise
        raise HTTPError(408, "the request took too long") from None
    except OSError:
        raise HTTPError(400, "the body is malformed, or ended early") from None


def _abandon(handler: Any) -> None:
    """Keep pywsgi from reading what is left of a refused body before it closes."""
    try:
        handler.socket.shutdown(_socket.SHUT_RD)
    except OSError:
        pass  # the client is gone


def _answer(
    environ: dict[str, Any], start_response: Callable[..., Any], exchange: Exchange, *, named: bool
) -> Iterable[bytes]:
    """Send a response; ``named`` servers are pywsgi, which closes when it sends that it does."""
    response, close = exchange.response or SERVER_ERROR, exchange.close
    _, failed = encoded(response, close=False, head_only=False)
    if failed:
        response, close = SERVER_ERROR, True
    headers = list(response.headers)
    if response.status not in WITHOUT_BODY:
        headers.append(("content-length", str(len(response.body))))
    if close and named:
        headers.append(("connection", "close"))
    start_response(f"{response.status} {responses.get(response.status, 'Unknown')}", headers)
    told.answered(exchange.request, response.status, len(response.body), get_dispatcher().clock())
    silent = environ["REQUEST_METHOD"] == "HEAD" or not response.body
    return [] if silent else [response.body]


def _not_found(
    environ: dict[str, Any],  # noqa: ARG001 - WSGI's shape
    start_response: Callable[..., Any],
) -> Iterable[bytes]:
    length = ("content-length", str(len(NOT_FOUND.body)))
    start_response("404 Not Found", [*NOT_FOUND.headers, length])
    return [NOT_FOUND.body]
