"""The lines of a request's head, checked as they come in.

llhttp is shown a head that is complete. A client that never completes one has to be judged before
that: by size, so that nothing unbounded is kept, and by syntax, so that a TLS hello or lines that
end with a bare LF are answered at once. What is refused depends on the bytes alone, never on how
they were cut into reads: lines are judged in order, each by size before syntax.
"""

from __future__ import annotations

import re

from actors.errors import HTTPError
from transports.http.grammar import TOKEN_BYTES
from transports.http.options import HTTPOptions

REQUEST_LINE = re.compile(
    rb"(%b) (?:((?i:https?))://([!\"$-.0->@-~]+))?(/[!\"$-~]*) HTTP/(1\.[01])\r\n" % TOKEN_BYTES
)
TARGET_BYTES = bytes(sorted({*range(ord("!"), ord("~") + 1)} - {ord("#")}))
"""Those that a target may hold, as in :data:`REQUEST_LINE`."""

HEADER_LINE = re.compile(rb"%b:[\t -~\x80-\xff]*\r\n" % TOKEN_BYTES)

_VERSION = re.compile(rb".* (HTTP/[0-9.]{1,10})\r\n")
_NOT_PRINTABLE = re.compile(rb"[^ -~]")
_SHOWN = 100


def shown(value: bytes | str | list[str]) -> str:
    """Return ``value`` for an error message: escaped, and cut where it is long."""
    text = ascii(value[:_SHOWN])
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} (cut)"


class HeadLines:
    """The check of one head. A byte is looked at once, whatever the reads were."""

    __slots__ = ("_count", "_options", "_searched", "_start")

    def __init__(self, options: HTTPOptions) -> None:
        self._options = options
        self._start = 0  # of the line that is not complete yet
        self._searched = 0
        self._count = 0

    def check(self, buffer: bytes | bytearray, stop: int) -> None:
        """Check ``buffer[:stop]``, which holds the head so far, without its empty line.

        :class:`HTTPError`: 414 for the request line, 431 for other limits, 400 for bad syntax.
        """
        while end := buffer.find(b"\n", self._searched, stop) + 1:
            has_crlf = buffer.endswith(b"\r\n", self._start, end)
            self._check_size(buffer, end - 2 if has_crlf else end - 1)
            line = bytes(buffer[self._start : end])
            if self._start == 0:
                _check_request_line(line)
            else:
                self._check_header_line(line)
            self._start = self._searched = end
        # A last CR may be half of the line's end.
        end = stop - 1 if buffer.endswith(b"\r", self._start, stop) else stop
        if end > self._start:  # else it may be the empty line, for which there is always room
            self._check_size(buffer, end)
        self._searched = end

    def _check_size(self, buffer: bytes | bytearray, end: int) -> None:
        """Check the line from ``_start`` to ``end``, of which ``_searched`` on is new."""
        options = self._options
        room = options.max_head - len(b"\r\n\r\n")  # for its own end, and the head's
        if self._start == 0:
            most = min(options.max_request_line, room)  # the first that a longer line gets to
            bad = _NOT_PRINTABLE.search(buffer, self._searched, min(end, most))
            if bad:
                raise HTTPError(400, f"the request line must be visible ASCII, got {shown(bad[0])}")
            if end > most == options.max_request_line:
                raise HTTPError(414, f"the request line must be at most {most} bytes")
        elif end - self._start > options.max_header_line:
            raise self._too_large()
        if end > room:
            raise self._too_large()

    def _check_header_line(self, line: bytes) -> None:
        self._count += 1
        if self._count > self._options.max_headers:
            raise self._too_large()
        if not HEADER_LINE.fullmatch(line):
            raise HTTPError(
                400, f"a header must be 'name: value' on one line ended by CRLF, got {shown(line)}"
            )

    def _too_large(self) -> HTTPError:
        o = self._options
        return HTTPError(
            431,
            f"the head must be at most {o.max_headers} headers, {o.max_header_line} bytes in each"
            f" and {o.max_head} bytes in all",
        )


def _check_request_line(line: bytes) -> None:
    if REQUEST_LINE.fullmatch(line):
        return
    version = _VERSION.fullmatch(line)
    if version and version[1] not in (b"HTTP/1.0", b"HTTP/1.1"):
        raise HTTPError(400, f"HTTP version {version[1].decode()} unsupported")
    raise HTTPError(400, f"the request line must be 'METHOD /path HTTP/1.1', got {shown(line)}")
