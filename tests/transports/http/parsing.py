"""What the tests of parsing share: one call from bytes to a verdict."""

from __future__ import annotations

from typing import Any

from actors.errors import HTTPError
from transports.http.options import HTTPOptions
from transports.http.parser import RequestParser
from transports.http.request import Request

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def parse(*reads: bytes, **options: Any) -> list[Request | HTTPError]:
    """Return the requests in ``reads``, and last the error where there is one."""
    parser = RequestParser(HTTPOptions(**options))
    found: list[Request | HTTPError] = []
    for data in reads:
        parser.receive_data(data)
        try:
            while (request := parser.next_request()) is not None:
                found.append(request)
        except HTTPError as error:
            found.append(error)
            break
    return found


def one(*reads: bytes, **options: Any) -> Request:
    """Return the one request in ``reads``."""
    (request,) = parse(*reads, **options)
    assert isinstance(request, Request), request
    return request


def refusal(*reads: bytes, **options: Any) -> HTTPError:
    """Return the error that ``reads`` are refused with, as the first thing."""
    (error,) = parse(*reads, **options)
    assert isinstance(error, HTTPError), error
    return error


def verdicts(*reads: bytes, **options: Any) -> list[tuple[Any, ...]]:
    """Return what :func:`parse` found as values that can be compared."""
    return [
        (found.status, found.message)
        if isinstance(found, HTTPError)
        else (found.method, found.target, found.version, found.headers, found.body)
        for found in parse(*reads, **options)
    ]
