"""Bytes to requests, without I/O (RFC 9112)."""

from __future__ import annotations

import enum
from typing import Final

from transports.http.chunked import ChunkedBody
from transports.http.forwarded import XForwarded
from transports.http.head import Fields, Known, parse_head, recall
from transports.http.lines import HeadLines
from transports.http.options import HTTPOptions
from transports.http.request import Address, Request
from transports.http.upgrades import KnownUpgrades

_NOWHERE: Address = ("", 0)
_END = b"\r\n\r\n"

SMALL_READ: Final = 4096
"""Bytes of a read that is kept as it came; a larger one may hold more requests than are cheap to
take from the front of ``bytes``, where each copies the rest."""


class ParserState(enum.Enum):
    """What :meth:`RequestParser.next_request` waits for; each has a deadline of its own."""

    IDLE = "the first byte of a request"
    HEAD = "the end of a head"
    BODY = "the end of a body"


# Each look at a member of an Enum costs as much as a call.
IDLE, HEAD, BODY = ParserState.IDLE, ParserState.HEAD, ParserState.BODY


class RequestParser:
    """Parses the requests of one connection, one at a time.

    Feed :meth:`receive_data`, then call :meth:`next_request` until it answers ``None``. What
    follows a request stays untouched until the next one is asked for, so that an upgrade can take
    it (:meth:`take_rest`) and an unanswered request holds up those behind it. The size of what
    waits (``buffered``) is for the caller to bound. ``forwarded``: ``peer`` is a trusted proxy,
    which says who its clients are.
    """

    __slots__ = (
        "_blank_line", "_buffer", "_chunks", "_forwarded", "_head", "_known", "_lines", "_options",
        "_peer", "_scheme", "_searched", "_upgrades",
    )  # fmt: skip

    def __init__(
        self,
        options: HTTPOptions,
        scheme: str = "http",
        peer: Address = _NOWHERE,
        upgrades: KnownUpgrades | None = None,
        forwarded: XForwarded | None = None,
    ) -> None:
        self._options = options
        self._scheme = scheme
        self._peer = peer
        self._buffer: bytes | bytearray = b""
        self._known: Known = {}
        self._upgrades = KnownUpgrades() if upgrades is None else upgrades
        self._forwarded = forwarded
        self._head: tuple[Request, Fields] | None = None
        self._lines: HeadLines | None = None
        self._chunks: ChunkedBody | None = None
        self._searched = 0
        self._blank_line = False

    def receive_data(self, data: bytes) -> None:
        """Take what was read; parse nothing yet."""
        if not self._buffer:
            # Most requests come in one read. What is small need not be copied to be cut to pieces.
            self._buffer = data if len(data) <= SMALL_READ else bytearray(data)
        elif type(self._buffer) is bytearray:
            self._buffer += data
        else:
            self._buffer = bytearray(self._buffer) + data

    def next_request(self) -> Request | None:
        """Return the next complete request, or ``None`` while it is not all there.

        :class:`~actors.errors.HTTPError` says how to refuse it: 400, 413, 414, 417 or 431. The
        parser is of no more use then.
        """
        head = self._head
        if head is None:
            if not self._buffer:
                return None
            head = self._recall() if self._lines is None else None
            if head is None:
                lines = self._take_head()
                if lines is None:
                    return None
                head = parse_head(
                    lines, self._options, scheme=self._scheme, peer=self._peer, known=self._known
                )
                self._upgrades.learn(head[1], self._scheme)
            if self._forwarded is not None:
                self._forwarded.apply(head[0])
            if head[1].length == 0:
                return head[0]
            self._head = head
        request, fields = head
        body = self._take_body(fields.length)
        if body is None:
            return None
        request.body = body
        self._head = self._chunks = None
        return request

    @property
    def state(self) -> ParserState:
        """What the last :meth:`next_request` that answered ``None`` waits for."""
        if self._head is not None:
            return BODY
        return HEAD if self._buffer else IDLE

    @property
    def pending(self) -> Request | None:
        """The request whose body is not all there yet (``body`` is empty)."""
        return self._head[0] if self._head is not None else None

    @property
    def expects_continue(self) -> bool:
        """Whether the client of ``pending`` waits for a 100 before it sends (RFC 9110 §10.1.1)."""
        return self._head is not None and self._head[1].expects_continue and not self._buffer

    def limit_body(self, most: int) -> None:
        """Refuse a body of ``pending`` without a length with 413 where it is over ``most`` bytes.

        :class:`~actors.errors.HTTPError`: it is already.
        """
        if self._chunks is not None:
            self._chunks.limit(most)

    @property
    def received(self) -> int:
        """Bytes that have come of the body of ``pending``."""
        return len(self._buffer) if self._chunks is None else self._chunks.received

    def discard(self) -> None:
        """Let go of everything: the parser is of no more use."""
        self._buffer = b""
        self._head = self._lines = self._chunks = None

    @property
    def buffered(self) -> int:
        """How many bytes wait to be parsed."""
        return len(self._buffer)

    def take_rest(self) -> bytes:
        """Take the bytes behind the request that was answered last."""
        rest, self._buffer = self._buffer, b""
        return bytes(rest)

    def _recall(self) -> tuple[Request, Fields] | None:
        """Take a head that is known but for what differs from one request to the next.

        A connection that has had no other request may begin with an upgrade.
        """
        buffer = self._buffer
        if type(buffer) is not bytes:
            return None
        size = len(buffer)
        if self._known:
            found = recall(
                buffer, self._options, scheme=self._scheme, peer=self._peer, known=self._known
            )
            if found is None:
                return None
            request, fields, size = found
        else:
            upgrade = self._upgrades.recall(
                buffer, self._options, scheme=self._scheme, peer=self._peer
            )
            if upgrade is None:
                return None
            request, fields = upgrade
        self._buffer = buffer[size:]
        self._blank_line = False
        return request, fields

    def _take_head(self) -> bytes | None:
        buffer = self._buffer
        if buffer.startswith(b"\r\n") and not self._blank_line:
            self._drop(2)  # RFC 9112 §2.2: one, for clients that end a body with CRLF
            buffer = self._buffer
            self._blank_line = True
        if not buffer:
            return None
        end = buffer.find(_END, self._searched)
        if end < 0:
            self._check_lines(len(buffer))
            self._searched = max(0, len(buffer) - len(_END) + 1)
            return None
        size, o = end + len(_END), self._options
        head = bytes(buffer[:size])
        if (
            size > o.max_request_line
            or size > o.max_header_line
            or size > o.max_head
            or head.count(b"\n") > o.max_headers
        ):
            self._check_lines(end + len(_END) // 2)  # else no line of it can be too much
        self._drop(size)
        self._lines, self._searched, self._blank_line = None, 0, False
        return head

    def _drop(self, size: int) -> None:
        """Take ``size`` bytes from the front of what waits."""
        buffer = self._buffer
        if type(buffer) is bytearray and size < len(buffer):
            del buffer[:size]
        else:
            self._buffer = bytes(buffer[size:])

    def _check_lines(self, stop: int) -> None:
        if self._lines is None:
            self._lines = HeadLines(self._options)
        self._lines.check(self._buffer, stop)

    def _take_body(self, length: int | None) -> bytes | None:
        if length is None:
            return self._take_chunks()
        buffer = self._buffer
        if len(buffer) <= length:
            if len(buffer) < length:
                return None
            self._buffer = b""
            return bytes(buffer)
        with memoryview(buffer) as view, view[:length] as part:
            body = bytes(part)
        self._drop(length)
        return body

    def _take_chunks(self) -> bytes | None:
        if self._chunks is None:
            self._chunks = ChunkedBody(self._options)
        if type(self._buffer) is not bytearray:
            self._buffer = bytearray(self._buffer)
        return self._chunks.take(self._buffer)
