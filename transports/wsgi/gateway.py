"""A WSGI application behind our server (PEP 3333).

It runs on the dispatcher's carriers, where it may block as any handler. What it answers with a list
or a tuple leaves in one piece; other iterables are sent part by part, as they come, at the pace at
which the client reads. The ``Date`` and the reason phrase of an answer are always the server's.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any
from wsgiref.util import is_hop_by_hop

from transports.http.request import Headers, Request
from transports.http.responder import Responder
from transports.http.response import Response, encode_head
from transports.http.writer import ClientGone, Writer
from transports.wsgi import environ

ExcInfo = tuple[type[BaseException], BaseException, TracebackType]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_STATUS = re.compile(r"([2-5][0-9]{2})(?: .*)?")
_LENGTH = re.compile(r"[0-9]{1,19}")


class Gateway:
    """The handler of what no mount takes; ``application`` is the WSGI application."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def handle(self, request: Request, http: Responder) -> Response | None:
        """Return what the application does; what it raises is the caller's to answer with 500."""
        try:
            return _Call(request, http).run(self._application)
        except ClientGone:
            return None


class _Call:
    """One request's way through the application."""

    __slots__ = ("_head", "_http", "_request", "_writer")

    def __init__(self, request: Request, http: Responder) -> None:
        self._request = request
        self._http = http
        self._writer = Writer(request, http)
        self._head: tuple[int, Headers, int | None] | None = None

    def run(self, application: Application) -> Response | None:
        local = self._http.stream.sock.getsockname()[:2]
        made = environ.from_request(self._request, local, sys.stderr)
        result = application(made, self._start_response)
        try:
            if isinstance(result, list | tuple) and not self._writer.begun:
                whole = self._whole(result)
                if whole is not None:
                    return whole
            for block in result:
                self._write(block)
                if self._request.method == "HEAD" and self._writer.begun:
                    break  # nobody waits for the body, which may never end
            if not self._writer.begun:
                self._writer.begin(*self._started())
            self._writer.finish()
        finally:
            close = getattr(result, "close", None)
            if close is not None:
                close()
        self._http.answered(status=self._writer.status, size=self._writer.size)
        return None

    def _start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        if exc_info is not None:
            try:
                if self._writer.begun:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # a circle through this frame
        elif self._head is not None:
            raise RuntimeError("start_response was called again without exc_info")
        self._head = _checked_head(status, headers)
        return self._write

    def _started(self) -> tuple[int, Headers, int | None]:
        if self._head is None:
            raise RuntimeError("the application answered without calling start_response")
        return self._head

    def _whole(self, blocks: list[bytes] | tuple[bytes, ...]) -> Response | None:
        """Return the body in one piece, unless that would not say what the application did."""
        status, headers, length = self._started()
        body = b"".join(blocks)
        if self._request.method == "HEAD" and length is not None:
            return None
        if length not in (None, len(body)):
            raise ValueError(f"the body has {len(body)} bytes, its content-length is {length}")
        return Response(status, body, headers)

    def _write(self, block: bytes) -> None:
        if not isinstance(block, bytes):
            raise TypeError(f"the application answered {block!r:.200}; accepted: bytes")
        if block:
            if not self._writer.begun:
                self._writer.begin(*self._started())
            self._writer.write(block)


def _checked_head(status: str, headers: list[tuple[str, str]]) -> tuple[int, Headers, int | None]:
    """Return the status, the headers that are not ours to send, and the body's length.

    ``TypeError`` or ``ValueError`` for what PEP 3333 does not allow, an interim status included.
    """
    found = _STATUS.fullmatch(status) if type(status) is str else None
    if found is None:
        raise ValueError(f"status {status!r:.200}: must be such as '200 OK', from 200 to 599")
    if type(headers) is not list:
        raise TypeError(f"headers {headers!r:.200}: must be a list of (name, value)")
    kept: list[tuple[str, str]] = []
    length = None
    for name, value in headers:
        if type(name) is not str or type(value) is not str:
            raise TypeError(f"header {name!r:.40}: its name and its value must be str")
        lowered = name.lower()
        if is_hop_by_hop(lowered):
            raise ValueError(f"header {name!r:.40} is for the server to send")
        if lowered == "content-length":
            if length is not None or not _LENGTH.fullmatch(value):
                raise ValueError(f"content-length {value!r:.40}: must be one number of bytes")
            length = int(value)
        elif lowered != "date":
            kept.append((name, value))
    code = int(found[1])
    encode_head(code, tuple(kept), "", close=False, date="")  # to fail while it still runs
    return code, tuple(kept), length
