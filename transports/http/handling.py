"""Call the handler of a request, and encode its answer, whatever it does instead."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, Protocol, runtime_checkable

from actors.crash_log import CrashLog, capped
from actors.errors import ForwardedError, HTTPError
from actors.runtime.dispatcher import get_dispatcher
from transports.http.date import http_date
from transports.http.request import Request
from transports.http.responder import Responder
from transports.http.response import Response, encode
from transports.turned_away import turned_away

if TYPE_CHECKING:
    from transports.http.forwarded import XForwarded
    from transports.http.request import Address
    from transports.tcp.stream import Stream

Handler = Callable[[Request, Responder], Response | None]

CRASHES: Final = CrashLog(logging.getLogger("roost.transports"), burst=1, period=1.0)
"""One line in a second for each handler and place: a request is cheap."""

REFUSALS: Final = capped(logging.getLogger("roost.transports"))

NOT_FOUND: Final = Response(
    404,
    b'{"errors":{"detail":"Not Found"}}',
    (("content-type", "application/json; charset=utf-8"),),
)
SERVER_ERROR: Final = Response(500)
UNAVAILABLE: Final = Response(503, b"", (("retry-after", "1"),))

_TEXT = (("content-type", "text/plain; charset=utf-8"),)


@runtime_checkable
class HeadJudge(Protocol):
    """A transport that judges a request by its head."""

    def judge_head(self, request: Request, http: Responder) -> Response | None:
        """Return ``None`` to have the body read and ``handle`` called; else what is sent instead.

        Called once for each request, on the loop, so it must not block: when the head is there and
        its body is not (``request.body`` is empty), or when both came at once. What it answers or
        raises (:class:`~actors.errors.HTTPError`) closes the connection, whose body is not read.
        It may also call ``http.hold()`` and ``http.limit_body(most)``, and answer ``None``.
        """


@runtime_checkable
class UnreadJudge(Protocol):
    """A transport that judges those requests by their head whose body is still to be read."""

    def judge_unread(self, request: Request, http: Responder) -> Response | None:
        """Do as :meth:`HeadJudge.judge_head`; what has come whole is for ``handle`` to judge."""


@runtime_checkable
class Continuing(Protocol):
    """A transport whose requests may belong to something that goes on, such as a session."""

    def continues(self, request: Request) -> bool:
        """Whether ``request`` waits where all carriers are blocked; else it is 503 at once.

        Must neither block nor raise.
        """


class Resource(NamedTuple):
    """What serves a path: ``handle`` on a carrier.

    Before that ``judge_unread`` is asked about a request whose body is to be read, and
    ``judge_head`` about one that has come whole; for a :class:`HeadJudge` they are the same.
    ``continues``: see :class:`Continuing`; without one no request does. ``route``: the path as it
    was declared; ``None``: it serves all that nothing else does.
    """

    handle: Handler
    judge_head: Handler | None = None
    judge_unread: Handler | None = None
    continues: Callable[[Request], bool] | None = None
    route: str | None = None

    def judge(self, request: Request, http: Responder, *, whole: bool = True) -> Response | None:
        """Return what is sent instead of asking ``handle``, by the head of ``request``."""
        if self.gives_up(request):
            return UNAVAILABLE
        judge = self.judge_head if whole else self.judge_unread
        return None if judge is None else call(judge, request, http)[0]

    def gives_up(self, request: Request) -> bool:
        """Whether ``request`` is to be answered 503, as it :meth:`is_stuck`; that is told."""
        if not self.is_stuck(request):
            return False
        turned_away(self.route, "busy", UNAVAILABLE.status)
        return True

    def is_stuck(self, request: Request) -> bool:
        """Whether ``handle`` has no carrier to run on, and ``request`` is not to wait for one."""
        if not get_dispatcher().blocked.full:
            return False
        return self.continues is None or not self.continues(request)


class Proxied(NamedTuple):
    """What a connection of a trusted proxy has: ``forwarded`` reads what it says of its clients.

    ``readdress(stream, peer)`` counts the stream as one of that client's alone, from now on; it
    answers ``False`` where that client has too many.
    """

    forwarded: XForwarded
    readdress: Callable[[Stream, Address], bool]


Match = Callable[[str], tuple[Resource, dict[str, str]] | None]


def resource(transport: Any, route: str | None = None) -> Resource:
    """Return what serves ``route`` by ``transport``, which may be one of the judges above."""
    always = transport.judge_head if isinstance(transport, HeadJudge) else None
    unread = transport.judge_unread if isinstance(transport, UnreadJudge) else always
    continues = transport.continues if isinstance(transport, Continuing) else None
    return Resource(transport.handle, always, unread, continues, route)


def call(handler: Handler, request: Request, http: Responder) -> tuple[Response | None, bool]:
    """Return ``handler(request, http)``, and whether it failed: then the connection must close.

    What it raises becomes a response: :class:`HTTPError` the one that it says, all else a 500 and
    one log line, which says where.
    """
    try:
        response = handler(request, http)
        if response is None or isinstance(response, Response):
            return response, False
        _refuse(response)
    except HTTPError as error:
        return refusal(error), True
    except BaseException as error:  # noqa: BLE001 - it is this request's affair alone
        CRASHES.log(
            error, "%.20s %.200s: the handler failed", request.method, request.path, owner=handler
        )
    return SERVER_ERROR, True


def _refuse(response: object) -> NoReturn:
    raise TypeError(f"a handler answered {response!r:.200}; accepted: a Response, or None")


def encoded(
    response: Response, *, close: bool, head_only: bool, server: Hashable = None
) -> tuple[bytes, bool]:
    """Return the bytes of ``response``, and whether the connection closes behind them.

    What cannot be encoded becomes a 500 that closes, and one log line of ``server`` in a second.
    """
    date = http_date()
    try:
        return encode(response, close=close, head_only=head_only, date=date), close
    except (TypeError, ValueError) as error:
        CRASHES.log(error, "the answer cannot be sent", owner=server)
        return encode(SERVER_ERROR, close=True, date=date), True


def log_refused(error: HTTPError, address: str, server: Hashable) -> None:
    """Log that a request of ``address`` was none that ``server`` could serve, without its data.

    Where a proxy of ours is wrong, somebody has to mend it: that is a warning. It is told as well,
    as no client gets through such a proxy.
    """
    if isinstance(error, ForwardedError):
        turned_away(None, "forwarded", error.status)
        kind: Hashable = (error.header, server)
        words = "refused a request of the proxy %s with 400: its %s header is malformed"
        REFUSALS.log(logging.WARNING, kind, words, address, error.header)
        return
    kind = (error.status, server)
    REFUSALS.log(logging.INFO, kind, "refused a request of %s: %d", address, error.status)


def refusal(error: HTTPError) -> Response:
    """Return what ``error`` says, as plain text unless it names another type."""
    return Response(error.status, error.message.encode(), error.headers or _TEXT)
