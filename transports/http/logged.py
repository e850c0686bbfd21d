"""What log lines say of a request, and what they must not show of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from actors.errors import HTTPError
from actors.logs.traceparent import only
from transports.http.request import Request

MAX_VALUES: Final = 64
"""Headers and parameters that are looked at."""

MAX_NAME: Final = 32
"""Characters of a subprotocol that is taken for a name, and not for a token."""


def context(request: Request) -> dict[str, str]:
    """Return the fields of lines that are logged while ``request`` is handled."""
    return {"request": f"{request.method} {request.path}", **trace(request)}


def trace(request: Request) -> dict[str, str]:
    """Return the trace that a request belongs to, where it says so."""
    if request.header("traceparent") is None:
        return {}
    parent = only(request.headers_named("traceparent"))
    return {} if parent is None else parent._asdict()


def secrets(request: Request) -> tuple[object, ...]:
    """Return what came with a request, by name, for those of secrets to be hidden."""
    try:
        params: Any = request.params
    except HTTPError:
        params = {}
    pairs = [pair.partition("=") for pair in request.query_string.split("&", MAX_VALUES)]
    query = [(name, value) for name, _, value in pairs[:MAX_VALUES]]
    headers = list(_headers(request))
    return params, query, headers


def _headers(request: Request) -> Iterator[tuple[str, str]]:
    for name, value in request.headers:
        yield name, value
        if name == "authorization":
            yield name, value.rpartition(" ")[2]
        elif name == "cookie":
            for pair in value.split(";", MAX_VALUES):
                yield name, pair.partition("=")[2].strip()
        elif name == "sec-websocket-protocol":  # one of them may be a token
            for each in value.split(",", MAX_VALUES):
                if len(each.strip()) > MAX_NAME:
                    yield "authorization", each.strip()
