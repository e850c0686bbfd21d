"""The transports that the contract is proven over: how each is served, and what it can show.

A transport here is a class. To prove another one, add it to :data:`TRANSPORTS`, with

* ``mount``: the endpoint's word for it; ``path``: what follows the mount's path;
* ``has_control``: whether it has control frames;
* ``opened``: the status that a client is accepted with;
* ``left``: the reason of a socket whose client has left, with the options ``impatient``, without
  which that may take its time;
* ``received(frames)``: what its client gets where a WebSocket's gets ``frames``;
* ``ending(code, post)``: what its client learns of an end that has the close ``code`` over
  WebSocket, and ``post`` as the status of the POST that was under way over long polling;
* ``drained(post)``: the same for the end by a drain, after which no server may be there any more;
* ``serve(endpoint)``, a context manager that answers a :class:`Serving`;
* ``connect(address, target)``, which answers a :class:`~tests.contract.clients.Client`.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple

import pytest
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from actors.reasons import Closed, Shutdown
from tests.contract.clients import LOST, Gone, LongPollClient, Sent, WebSocketClient
from tests.support import raw
from tests.support.server import serve


class Serving(NamedTuple):
    """A server: where it is, how it is drained (which blocks), and how many clients it has."""

    address: tuple[str, int]
    drain: Callable[[], object]
    clients: Callable[[], int]


class OverWebSocket:
    """What a WebSocket shows: the frames themselves, and a close code."""

    mount: ClassVar = "websocket"
    path: ClassVar = "/websocket"
    has_control: ClassVar = True
    opened: ClassVar = 101
    left: ClassVar = Closed(1000)
    impatient: ClassVar[Mapping[str, Any]] = {}
    connect: ClassVar = WebSocketClient

    @staticmethod
    def received(frames: Iterable[Any]) -> list[Any]:
        return list(frames)

    @staticmethod
    def ending(code: int | None, post: int | None) -> int | None:
        return code

    @staticmethod
    def drained(post: int | None) -> int:
        return 1012


class OverLongPoll:
    """What a poll shows: texts, base64 for binary, no control frames; and a session that is gone.

    Its client cannot say that it leaves, so it is missed after 1.5 windows.
    """

    mount: ClassVar = "longpoll"
    path: ClassVar = "/longpoll"
    has_control: ClassVar = False
    opened: ClassVar = 410
    left: ClassVar = Shutdown("inactive")
    impatient: ClassVar[Mapping[str, Any]] = {"window": 0.2}
    connect: ClassVar = LongPollClient

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

    @staticmethod
    def drained(post: int | None) -> Gone:
        return Gone(500, post)


class ByRoost:
    """Our own server."""

    @classmethod
    @contextmanager
    def serve(cls, endpoint: Any) -> Iterator[Serving]:
        with serve(endpoint) as served:
            yield Serving(
                served.address,
                lambda: served.server.stop(raw.DEADLINE),
                lambda: _clients(cls.mount, served.server.routes, served.streams),
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
                lambda: _clients(cls.mount, application._routes, application.taken.streams),
            )
        finally:
            server.stop()
            application.drain(0.5)


def _clients(mount: str, routes: Any, streams: Any) -> int:
    return len(routes.sessions if mount == "longpoll" else streams)


class WebSocket(ByRoost, OverWebSocket):
    pass


class WebSocketInWSGI(ByPywsgi, OverWebSocket):
    pass


class LongPoll(ByRoost, OverLongPoll):
    @staticmethod
    def drained(post: int | None) -> Gone:
        return Gone(LOST, post)


class LongPollInWSGI(ByPywsgi, OverLongPoll):
    pass


TRANSPORTS: Mapping[str, Any] = {
    "websocket": WebSocket,
    "wsgi": WebSocketInWSGI,
    "longpoll": LongPoll,
    "wsgi-longpoll": LongPollInWSGI,
}


def _only(mount: str) -> pytest.MarkDecorator:
    names = [name for name, transport in TRANSPORTS.items() if transport.mount == mount]
    return pytest.mark.parametrize("transport", names, indirect=True)


only_websocket = _only("websocket")
"""Marks a test of what long polling does not have."""

only_longpoll = _only("longpoll")
"""Marks a test of what a WebSocket does not have."""


def each_callback(callbacks: Iterable[str]) -> pytest.MarkDecorator:
    """Run a test over each transport with each of ``callbacks`` that it can have called."""
    pairs = [
        (name, callback)
        for name, transport in TRANSPORTS.items()
        for callback in callbacks
        if transport.has_control or callback != "handle_control"
    ]
    return pytest.mark.parametrize(("transport", "callback"), pairs, indirect=["transport"])
