"""The answers of the long-poll transport (``Phoenix.Transports.LongPoll``).

HTTP's status is 200 whatever happened; what happened is the ``status`` of the JSON body:

====  ============================================================================================
200   a poll: here are messages; a POST: they were handled
204   a poll: there were none
403   the client may not connect
408   a POST: the socket crashed, stopped or took too long before it had handled everything
410   a GET: here is a new session; a POST: there is no such session
500   a GET: the session that the token names is gone (phoenix.js then opens another and rejoins)
====  ============================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Final

import orjson

from actors.errors import HTTPError
from transports.http.request import Headers
from transports.http.response import Response

ORIGIN: Headers = (("access-control-allow-origin", "*"),)
JSON: Headers = (
    *ORIGIN,
    ("cache-control", "no-store"),
    ("content-type", "application/json; charset=utf-8"),
)

_SERVER_ERROR = b'{"errors":{"detail":"Internal Server Error"}}'


@cache
def status(code: int) -> Response:
    """Return a body that holds a status alone; the same for each of the few codes there are."""
    return Response(200, b'{"status":%d}' % code, JSON)


LOST: Final = status(500)
"""What a GET is answered whose session, or whose messages, are gone."""


def batch(code: int, messages: Sequence[str], token: str) -> Response:
    """Return the answer to a GET."""
    body = orjson.dumps({"messages": messages, "status": code, "token": token})
    return Response(200, body, JSON)


def preflight(requested: str) -> Response:
    """Return the answer to OPTIONS; ``requested``: what ``Access-Control-Request-Headers`` name."""
    return Response(
        200,
        b"",
        (
            *ORIGIN,
            ("access-control-allow-headers", requested),
            ("access-control-allow-methods", "get, post, options"),
            ("access-control-max-age", "3600"),
        ),
    )


def refused(error: HTTPError) -> Response:
    """Return the answer to what is no request of this transport, as ``error`` says."""
    return Response(error.status, error.message.encode(), ORIGIN)


def crashed() -> Response:
    """Return the answer to a GET whose ``connect`` or ``init`` raised."""
    return Response(500, _SERVER_ERROR, JSON)


def unavailable() -> Response:
    """Return the answer to a session or a POST too many, and to a session in a server that ends.

    Never a poll, and never with a body: phoenix.js takes an empty one for a lost connection, and
    throws at a status in JSON that it does not know.
    """
    return Response(503, b"", (*ORIGIN, ("retry-after", "1")))
