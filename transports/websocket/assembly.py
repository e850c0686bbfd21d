"""A message of several frames, or a compressed one, while it is put together."""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING

from actors.errors import InvalidUTF8, PolicyViolation

if TYPE_CHECKING:
    from transports.websocket.deflate import Deflate
    from transports.websocket.options import WebSocketOptions

utf8_decoder = codecs.getincrementaldecoder("utf-8")


class Assembly:
    """What has come of one message, kept as it came: as many bytes, and an eighth to spare.

    ``deflate`` is there when the message is compressed: it is inflated when it is whole, so that
    nobody makes us hold more than was sent. Other text is judged as it comes, so that it fails at
    the first byte that cannot be UTF-8. ``wire`` counts the payload bytes; ``options`` bound them.
    """

    __slots__ = ("_data", "_decoder", "_deflate", "_empty", "_fragments", "_options", "_text")

    def __init__(
        self, options: WebSocketOptions, *, text: bool, deflate: Deflate | None = None
    ) -> None:
        self._options = options
        self._text = text
        self._decoder = utf8_decoder() if text and deflate is None else None
        self._deflate = deflate
        self._data = bytearray()
        self._fragments = self._empty = 0

    @property
    def wire(self) -> int:
        """Bytes of payload that have come."""
        return len(self._data)

    def add(self, payload: bytes) -> None:
        """Take one frame's payload, as it was on the wire but unmasked."""
        self._count(payload)
        self._data += payload
        if self._decoder is not None:
            try:
                self._decoder.decode(payload)
            except UnicodeDecodeError:
                raise invalid_text() from None

    def _count(self, payload: bytes) -> None:
        """Bound the frames; empty ones, which cost the peer nothing, tighter."""
        self._fragments += 1
        self._empty += not payload
        options = self._options
        if self._fragments > options.max_fragments or self._empty > options.max_empty_fragments:
            raise PolicyViolation("a message of too many fragments")

    def finish(self) -> str | bytes:
        """Return the whole message."""
        data: bytes | bytearray = self._data
        if self._deflate is not None:
            data = self._deflate.inflate(bytes(data), self._options.max_message_size)
        return decode_text(data) if self._text else bytes(data)


def decode_text(payload: bytes | bytearray) -> str:
    """Return the text of a whole message."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise invalid_text() from None


def invalid_text() -> InvalidUTF8:
    """Return the error for text that is none."""
    return InvalidUTF8("a text message that is not UTF-8 (RFC 6455 §8.1)")
