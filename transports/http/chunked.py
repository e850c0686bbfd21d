"""Chunked bodies (RFC 9112 §7.1), strictly.

httptools parses them too, but cannot say where the body ended, and what follows is the next
request.
"""

from __future__ import annotations

import re
from typing import Final

from actors.errors import HTTPError
from transports.http.grammar import TOKEN_BYTES
from transports.http.lines import HEADER_LINE, shown
from transports.http.options import HTTPOptions

FRAMING_SHARE: Final = 4
"""Of this many bytes of the body, one more of framing is allowed: chunks of 24 bytes pass."""

_EXTENSION = rb";%b(?:=(?:%b|\"[\t !#-\[\]-~\x80-\xff]*\"))?" % (TOKEN_BYTES, TOKEN_BYTES)
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:%b)*\r\n" % _EXTENSION)
_PLAIN_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")
_EMPTY = b"\r\n"


class ChunkedBody:
    """Decodes one body; extensions and trailers are checked and dropped.

    Framing may have ``max_chunk_framing`` bytes, and a quarter of the bytes of the body before it.
    """

    __slots__ = ("_body", "_expect", "_framing", "_left", "_max_body", "_options", "_searched")

    def __init__(self, options: HTTPOptions) -> None:
        self._options = options
        self._max_body = options.max_body
        self._body = bytearray()
        self._framing = 0
        self._left = 0
        self._searched = 0  # of the line that is not complete yet
        self._expect = ChunkedBody._size_line  # unbound: a bound method would be a cycle

    @property
    def received(self) -> int:
        """Bytes of the body that have come."""
        return len(self._body)

    def limit(self, most: int) -> None:
        """Take no more than ``most`` bytes from now on; :class:`HTTPError` as of :meth:`take`."""
        self._max_body = min(most, self._max_body)
        self._check_size()

    def take(self, buffer: bytearray) -> bytes | None:
        """Take from the front of ``buffer``; return the body when its last byte is there.

        :class:`HTTPError`: 400 for broken framing, 413 for a body or its framing over the limit.
        """
        at = 0
        try:
            while True:
                if self._left:
                    at = self._take_data(buffer, at)
                    if self._left:
                        return None
                if self._expect is ChunkedBody._size_line:
                    at = self._whole_chunks(buffer, at)
                end = self._line_end(buffer, at)
                if not end:
                    return None
                line, at = bytes(buffer[at:end]), end
                if self._expect(self, line):
                    return bytes(self._body)
        finally:
            del buffer[:at]  # once for each read, however many chunks that holds

    def _whole_chunks(self, buffer: bytearray, at: int) -> int:
        """Take the chunks that are all there, and are plain and within the limits; return where.

        What is anything else is left to the longer way, which tells what is wrong with it.
        """
        body, share = self._body, FRAMING_SHARE
        most, framing = self._options.max_chunk_framing, self._framing
        room = self._max_body
        while (found := _PLAIN_SIZE.match(buffer, at)) is not None:
            start = found.end()
            size = int(found[1], 16)
            end = start + size
            framing += start - at + 2
            if (
                not size
                or buffer[end : end + 2] != _EMPTY
                or len(body) + size > room
                # The line's end comes before this chunk is part of the body.
                or framing - 2 > most + len(body) // share
                or framing > most + (len(body) + size) // share
            ):
                break
            body += buffer[start:end]
            self._framing, self._searched, at = framing, 0, end + 2
        return at

    def _take_data(self, buffer: bytearray, at: int) -> int:
        end = min(at + self._left, len(buffer))
        with memoryview(buffer) as view:
            self._body += view[at:end]
        self._left -= end - at
        return end

    def _line_end(self, buffer: bytearray, at: int) -> int:
        """Return where the line from ``at`` ends; 0 while that is not there."""
        end = buffer.find(b"\n", at + self._searched) + 1
        size = (end or len(buffer)) - at
        most = self._options.max_chunk_framing + len(self._body) // FRAMING_SHARE
        if self._framing + size > most:
            raise HTTPError(
                413,
                f"chunk framing must be at most {self._options.max_chunk_framing} bytes,"
                f" and one for {FRAMING_SHARE} of the body",
            )
        if not end:
            self._searched = size
            return 0
        self._framing += size
        self._searched = 0
        return end

    def _size_line(self, line: bytes) -> bool:
        found = _SIZE_LINE.fullmatch(line)
        if found is None:
            raise HTTPError(400, f"a chunk must begin with its size in hex, got {shown(line)}")
        self._left = int(found[1], 16)
        self._check_size()
        self._expect = ChunkedBody._data_end if self._left else ChunkedBody._trailer
        return False

    def _check_size(self) -> None:
        if len(self._body) + self._left > self._max_body:
            raise HTTPError(413, f"the body must be at most {self._max_body} bytes")

    def _data_end(self, line: bytes) -> bool:
        if line != _EMPTY:
            raise HTTPError(400, f"a chunk must end with CRLF after its size, got {shown(line)}")
        self._expect = ChunkedBody._size_line
        return False

    def _trailer(self, line: bytes) -> bool:
        if line != _EMPTY and not HEADER_LINE.fullmatch(line):
            raise HTTPError(400, f"a trailer must be 'name: value', got {shown(line)}")
        return line == _EMPTY
