"""An answer that is written in parts, while it is being made."""

from __future__ import annotations

import logging
from typing import Final

from gevent.event import Event

from actors.crash_log import capped
from actors.errors import ConnectionLost
from transports.http.date import http_date
from transports.http.request import Headers, Request
from transports.http.responder import Responder
from transports.http.response import WITHOUT_BODY, encode_head

WRITE_AHEAD: Final = 65_536
"""Bytes that may wait for a client that does not read before its handler must."""

lines = capped(logging.getLogger("roost.transports"))

_LAST_CHUNK = b"0\r\n\r\n"


class ClientGone(ConnectionLost):
    """There is nobody left to write to."""


class Writer:
    """Writes the answer to ``request``; its handler, on a carrier, then answers ``None``.

    :meth:`begin`, any number of :meth:`write`, :meth:`finish`. The head leaves with the first part.
    Without a length the body is chunked, or ended by the connection where the client speaks
    HTTP/1.0. A handler that raises between ends the connection, with a reset where nothing else
    would say that the body is not whole.
    """

    __slots__ = (
        "_chunked", "_head", "_http", "_left", "_request", "_silent", "begun", "size", "status",
    )  # fmt: skip

    def __init__(self, request: Request, http: Responder) -> None:
        self._request = request
        self._http = http
        self._head = b""
        self._left: int | None = None
        self._chunked = self._silent = False
        self.begun = False
        """Whether something was sent: the head cannot be changed any more."""
        self.status: int | None = None
        """That of the head, once it is settled."""
        self.size = 0
        """Bytes that were sent."""

    def begin(self, status: int, headers: Headers, length: int | None) -> None:
        """Settle the head; ``length`` is the body's in bytes, where it is known.

        ``ValueError`` as of :func:`~transports.http.response.encode_head`.
        """
        self.status = status
        framing = ""
        self._silent = self._request.method == "HEAD"
        self._left = length
        if status in WITHOUT_BODY:
            self._left = 0
        elif length is not None:
            framing = f"content-length: {length}\r\n"
        elif self._request.version == "1.1" and not self._silent:
            self._chunked = True
            framing = "transfer-encoding: chunked\r\n"
        self._head = encode_head(
            status, headers, framing, close=self._http.closes, date=http_date()
        )

    def write(self, data: bytes) -> None:
        """Send ``data``; wait while more than :data:`WRITE_AHEAD` bytes are unread.

        Of those who wait for that, a process has ``max_stalled`` at most.

        ``ValueError``: the body would be longer than its length. :class:`ClientGone`: the client
        is. What HEAD asks no body for is checked and left out.
        """
        if not self._silent:
            if self._left is not None:
                if len(data) > self._left:
                    raise ValueError("the body is longer than its content-length")
                self._left -= len(data)
            elif self._chunked:
                data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        self._send(b"" if self._silent else data)
        stream = self._http.stream
        if stream.queued > WRITE_AHEAD:
            drained = Event()
            stream.on_drained = drained.set
            self._http.on_lost(drained.set)
            stalled = self._http.shared.stalled
            given_up = stalled.enter(stream)
            if given_up is not None:
                what = "reset a client of %s that did not read its answer"
                lines.log(logging.INFO, "stalled", what, given_up.peer[0])
            try:
                drained.wait()
            finally:
                stalled.leave(stream)
        if stream.closed:
            raise ClientGone("the client is gone")

    def finish(self) -> None:
        """End the body; ``ValueError`` where it is shorter than its length."""
        if self._left and not self._silent:
            raise ValueError(f"the body lacks {self._left} bytes of its content-length")
        self._send(_LAST_CHUNK if self._chunked else b"")

    def _send(self, data: bytes) -> None:
        data, self._head = self._head + data, b""
        if not self.begun:
            self.begun = self._http.begun = True
            framed = self._chunked or self._silent or self._left is not None
            self._http.stream.unfinished = not framed
        if data:
            self.size += len(data)
            self._http.stream.write(data)
