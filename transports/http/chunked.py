"""Chunked bodies (RFC 9112 §7.1), strictly.

httptools parses them too, but cannot say where the body ended, and what follows is the next
request.
"""

from __future__ import annotations

import re

from actors.errors import HTTPError
from transports.http.lines import HEADER_LINE, shown
from transports.http.options import HTTPOptions

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_EXTENSION = rb";%b(?:=(?:%b|\"[\t !#-\[\]-~\x80-\xff]*\"))?" % (_TOKEN, _TOKEN)
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})(?:%b)*\r\n" % _EXTENSION)
_EMPTY = b"\r\n"


class ChunkedBody:
    """Decodes one body; extensions and trailers are checked and dropped."""

    __slots__ = ("_body", "_expect", "_framing", "_left", "_options", "_searched")

    def __init__(self, options: HTTPOptions) -> None:
        self._options = options
        self._body = bytearray()
        self._framing = 0
        self._left = 0
        self._searched = 0
        self._expect = ChunkedBody._size_line  # unbound: a bound method would be a cycle

    def take(self, buffer: bytearray) -> bytes | None:
        """Take from the front of ``buffer``; answer the body when its last byte is there.

        :class:`HTTPError`: 400 for broken framing, 413 for a body or its framing over the limit.
        """
        while True:
            if self._left:
                self._take_data(buffer)
                if self._left:
                    return None
            line = self._take_line(buffer)
            if line is None:
                return None
            if self._expect(self, line):
                return bytes(self._body)

    def _take_data(self, buffer: bytearray) -> None:
        size = min(self._left, len(buffer))
        with memoryview(buffer) as view:
            self._body += view[:size]
        del buffer[:size]
        self._left -= size

    def _take_line(self, buffer: bytearray) -> bytes | None:
        end = buffer.find(b"\n", self._searched) + 1
        if self._framing + (end or len(buffer)) > self._options.max_chunk_framing:
            raise HTTPError(
                413, f"chunk framing must be at most {self._options.max_chunk_framing} bytes"
            )
        if not end:
            self._searched = len(buffer)
            return None
        line = bytes(buffer[:end])
        del buffer[:end]
        self._framing += end
        self._searched = 0
        return line

    def _size_line(self, line: bytes) -> bool:
        found = _SIZE_LINE.fullmatch(line)
        if found is None:
            raise HTTPError(400, f"a chunk must begin with its size in hex, got {shown(line)}")
        self._left = int(found[1], 16)
        if len(self._body) + self._left > self._options.max_body:
            raise HTTPError(413, f"the body must be at most {self._options.max_body} bytes")
        self._expect = ChunkedBody._data_end if self._left else ChunkedBody._trailer
        return False

    def _data_end(self, line: bytes) -> bool:
        if line != _EMPTY:
            raise HTTPError(400, f"a chunk must end with CRLF after its size, got {shown(line)}")
        self._expect = ChunkedBody._size_line
        return False

    def _trailer(self, line: bytes) -> bool:
        if line != _EMPTY and not HEADER_LINE.fullmatch(line):
            raise HTTPError(400, f"a trailer must be 'name: value', got {shown(line)}")
        return line == _EMPTY
