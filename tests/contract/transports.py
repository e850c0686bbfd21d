"""The transports that the contract is proven over: how each is served, and what it can show.

A transport here is a class. To prove another one, add it to :data:`TRANSPORTS`: a
:class:`Transport` whose ``serve(endpoint)`` is a context manager with a :class:`Serving`. The tests
know of it what is said here, and nothing of how it is made.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, NamedTuple

import pytest
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from actors.reasons import CLOSED, Closed, Shutdown
from examples.sse import EventStream, SSEOptions, SSETransport
from tests.contract.clients import (
    ENDED,
    LOST,
    EventSourceClient,
    Gone,
    LongPollClient,
    Sent,
    WebSocketClient,
)
from tests.support import raw
from tests.support.server import serve

# What not every transport can.
BINARY = "binary messages, both ways"
FRAMES = "frames: control frames, wrong ones, and some that come before the connection is open"
CODES = "close codes, both ways"
TIMEOUT = "an end of who says nothing (timeout)"
QUEUE = "a bound of what is being sent (max_send_queue)"
BUFFER = "a bound of what waits to be fetched (max_buffer_messages, max_buffer_bytes)"
OPENS_FIRST = "a connection that is open, and sends, before init has run"
TAKES_ON = "taking a message while one is handled"


class Serving(NamedTuple):
    """A server: where it is, how it is drained (which blocks), and how many clients it has."""

    address: tuple[str, int]
    drain: Callable[[], object]
    clients: Callable[[], int]


class Way(NamedTuple):
    """How a connection ends: the reason, the close code, and the status of the last POST.

    ``end(stage, client, socket)`` does it. The client that is ``gone`` learns of nothing. With
    ``impatient`` it takes time, unless the transport is mounted so.
    """

    end: Callable[[Any, Any, Any], object]
    reason: Any
    code: int | None = LOST
    post: int = 200
    gone: bool = False
    impatient: bool = False


class Transport:
    """What a test must know of a transport."""

    mount: ClassVar[str]
    """The endpoint's word for it."""

    path: ClassVar[str]
    """What follows the mount's path."""

    can: ClassVar[frozenset[str]]
    """Which of the things above it can: tests that need another are not run."""

    opened: ClassVar[int]
    """The status that a client is accepted with."""

    left: ClassVar[Any]
    """The reason of a socket whose client has left."""

    ways: ClassVar[Mapping[str, Way]]
    """How its own clients end a connection."""

    impatient: ClassVar[Mapping[str, Any]] = {}
    """Options without which it may take time until a client that has left is missed."""

    crowd: ClassVar[Mapping[str, Any]] = {}
    """Options without which it does not let thousands in from one address."""

    connect: ClassVar[Callable[..., Any]]
    """``connect(address, target)`` returns a :class:`~tests.contract.clients.Client`."""

    serve: ClassVar[Callable[[Any], AbstractContextManager[Serving]]]

    @classmethod
    def mounted(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of ``endpoint.socket`` that mount it, and it alone."""
        return {"websocket": False, cls.mount: dict(options) or True}

    @staticmethod
    def install(endpoint: Any) -> None:
        """Make it known to the endpoint, if it is not built in."""

    @staticmethod
    def received(frames: Iterable[Any]) -> list[Any]:
        """Return what its client gets where a WebSocket's gets ``frames``."""
        return list(frames)

    @staticmethod
    def ending(code: int | None, post: int | None) -> Any:
        """Return what its client learns of an end.

        That has the close ``code`` over WebSocket, and ``post`` as the status of the POST that was
        under way over long polling.
        """
        raise NotImplementedError

    @classmethod
    def drained(cls, post: int | None) -> Any:
        """Return the same for the end by a drain, after which there may be no server any more."""
        return cls.ending(1012, post)

    @classmethod
    def says(cls, closed: Any, code: int) -> bool:
        """Whether ``closed`` is what its client learns of an end with ``code`` while it drains."""
        return closed == cls.ending(code, None)

    @staticmethod
    def form(accepted: str) -> str:
        """Return what an error says is accepted where a WebSocket's says this."""
        return accepted

    @staticmethod
    def place(callback: str) -> str:
        """Return a pattern of where the log says a wrong result was answered: in ``callback``."""
        return f" at {callback}$"

    @staticmethod
    def hears(operator: Any) -> bool:
        """Whether the client of a socket that has this operator is sent what comes at once."""
        return True

    @staticmethod
    def kept(operator: Any) -> Any:
        """Return what the operator of a socket keeps to be sent."""
        raise NotImplementedError


class OverWebSocket(Transport):
    """What a WebSocket shows: the frames themselves, and a close code."""

    mount = "websocket"
    path = "/websocket"
    can = frozenset({BINARY, FRAMES, CODES, TIMEOUT, QUEUE, OPENS_FIRST, TAKES_ON})
    opened = 101
    left = Closed(1000)
    connect = WebSocketClient
    ways: ClassVar = {
        "client's close": Way(lambda _, client, __: client.leave(1000), Closed(1000), 1000),
        "client's own close": Way(
            lambda _, client, __: client.leave(4001, "bye"), Closed(4001, "bye"), 4001
        ),
        "client's empty close": Way(lambda _, client, __: client.leave(None), Closed(1005), None),
        "FIN": Way(lambda _, client, __: client.end(), CLOSED),
        "RST": Way(lambda _, client, __: client.lose(), CLOSED, gone=True),
    }

    @staticmethod
    def ending(code: int | None, post: int | None) -> int | None:
        return code

    @staticmethod
    def kept(operator: Any) -> Any:
        return operator.out


class OverLongPoll(Transport):
    """What a poll shows: texts, base64 for binary, no control frames; and a session that is gone.

    Its client cannot say that it leaves, so it is missed after 1.5 windows.
    """

    mount = "longpoll"
    path = "/longpoll"
    can = frozenset({BINARY, BUFFER})
    opened = 410
    left = Shutdown("inactive")
    impatient: ClassVar = {"window": 0.2}
    crowd: ClassVar = {"max_sessions_per_address": 100_000}
    connect = LongPollClient
    ways: ClassVar = {
        "no poll": Way(lambda _, __, socket: socket.ended.wait(raw.DEADLINE), left, impatient=True),
        "leave": Way(lambda _, client, __: client.leave(), left, gone=True, impatient=True),
        "FIN": Way(lambda _, client, __: client.end(), left, gone=True, impatient=True),
        "RST": Way(lambda _, client, __: client.lose(), left, gone=True, impatient=True),
    }

    @staticmethod
    def received(frames: Iterable[Any]) -> list[Any]:
        return [
            base64.b64encode(frame).decode() if isinstance(frame, bytes) else frame
            for frame in frames
            if not isinstance(frame, Sent)
        ]

    @staticmethod
    def ending(code: int | None, post: int | None) -> Gone:
        return Gone(500, post)

    @classmethod
    def says(cls, closed: Any, code: int) -> bool:
        return closed.post == 200  # the session is gone, or nobody listens any more

    @staticmethod
    def hears(operator: Any) -> bool:
        return operator._http is not None

    @staticmethod
    def kept(operator: Any) -> Any:
        return operator.unfetched


class ByRoost:
    """Our own server."""

    @classmethod
    @contextmanager
    def serve(cls, endpoint: Any) -> Iterator[Serving]:
        with serve(endpoint) as served:
            yield Serving(
                served.address,
                lambda: served.server.stop(raw.DEADLINE),
                lambda: cls.clients(served.server.routes, served.streams),
            )


class ByPywsgi:
    """The endpoint inside a WSGI application, on gevent's pywsgi."""

    @classmethod
    @contextmanager
    def serve(cls, endpoint: Any) -> Iterator[Serving]:
        application = endpoint.wsgi()
        server = WSGIServer(
            ("127.0.0.1", 0),
            application,
            handler_class=WebSocketHandler,
            log=None,
            error_log=None,
        )
        server.start()
        try:
            yield Serving(
                server.address,
                lambda: application.drain(raw.DEADLINE),
                lambda: cls.clients(application._routes, application.taken.streams),
            )
        finally:
            server.stop()
            application.drain(0.5)


class Streams:
    """A client is a stream."""

    @staticmethod
    def clients(routes: Any, streams: Any) -> int:
        return len(streams)


class Sessions:
    """A client is a session, whatever streams it has."""

    @staticmethod
    def clients(routes: Any, streams: Any) -> int:
        return len(routes.sessions)


class WebSocket(ByRoost, Streams, OverWebSocket):
    pass


class WebSocketInWSGI(ByPywsgi, Streams, OverWebSocket):
    pass


class LongPoll(ByRoost, Sessions, OverLongPoll):
    @classmethod
    def drained(cls, post: int | None) -> Gone:
        return Gone(LOST, post)


class LongPollInWSGI(ByPywsgi, Sessions, OverLongPoll):
    pass


class ServerSentEvents(ByRoost, Transport):
    """A transport of somebody else's, of one way: what an event shows is text, and an end."""

    mount = "sse"
    path = "/events"
    can = frozenset({QUEUE, OPENS_FIRST, TAKES_ON})
    opened = 200
    left = CLOSED
    connect = EventSourceClient
    ways: ClassVar = {
        "leave": Way(lambda _, client, __: client.leave(), CLOSED, gone=True),
        "FIN": Way(lambda _, client, __: client.end(), CLOSED),
        "RST": Way(lambda _, client, __: client.lose(), CLOSED, gone=True),
    }

    @staticmethod
    def install(endpoint: Any) -> None:
        endpoint.transport("sse", SSETransport, SSEOptions)

    @classmethod
    def mounted(cls, options: Mapping[str, Any]) -> dict[str, Any]:
        given = {"max_send_queue": 16_000_000, **options}
        return {"websocket": False, "transports": {"sse": given}}

    @staticmethod
    def clients(routes: Any, streams: Any) -> int:
        return sum(isinstance(stream.protocol, EventStream) for stream in streams)

    @staticmethod
    def received(frames: Iterable[Any]) -> list[Any]:
        return [frame for frame in frames if not isinstance(frame, Sent)]

    @staticmethod
    def ending(code: int | None, post: int | None) -> str:
        return ENDED

    @staticmethod
    def form(accepted: str) -> str:
        texts = {"accepted: str, bytes", "accepted: TEXT, BINARY, PING, PONG"}
        return "accepted: text" if accepted in texts else accepted

    @staticmethod
    def place(callback: str) -> str:
        return r" at examples/sse\.py:\d+ in \w+$"  # to the log it is the application's, too

    @staticmethod
    def kept(operator: Any) -> Any:
        return operator.out


TRANSPORTS: Mapping[str, type[Transport]] = {
    "websocket": WebSocket,
    "wsgi": WebSocketInWSGI,
    "longpoll": LongPoll,
    "wsgi-longpoll": LongPollInWSGI,
    "sse": ServerSentEvents,
}


def needs(*things: str) -> pytest.MarkDecorator:
    """Run a test over those transports alone that can all of these."""
    names = [name for name, kind in TRANSPORTS.items() if kind.can.issuperset(things)]
    return pytest.mark.parametrize("transport", names, indirect=True)


def without(thing: str) -> pytest.MarkDecorator:
    """Run a test over those transports alone that cannot do this."""
    names = [name for name, kind in TRANSPORTS.items() if thing not in kind.can]
    return pytest.mark.parametrize("transport", names, indirect=True)


def skip_unless(transport: type[Transport], *things: str) -> None:
    """Skip one case of a test that needs what the transport cannot."""
    for thing in things:
        if thing not in transport.can:
            pytest.skip(f"{transport.__name__} has not: {thing}")


def each_callback(callbacks: Iterable[str]) -> pytest.MarkDecorator:
    """Run a test over each transport with each of ``callbacks`` that it can have called."""
    pairs = [
        (name, callback)
        for name, kind in TRANSPORTS.items()
        for callback in callbacks
        if FRAMES in kind.can or callback != "handle_control"
    ]
    return pytest.mark.parametrize(("transport", "callback"), pairs, indirect=["transport"])
