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
    """What has come of one message.

    ``deflate`` is there when the message is compressed. ``wire`` counts the payload bytes that
    came, ``size`` what they are inflated; ``options`` bound both. Text is judged as it comes, so
    that it fails at the first byte that cannot be UTF-8.
    """

    __slots__ = (
        "_decoder",
        "_deflate",
        "_empty",
        "_fragments",
        "_options",
        "_parts",
        "size",
        "wire",
    )

    def __init__(
        self, options: WebSocketOptions, *, text: bool, deflate: Deflate | None = None
    ) -> None:
        self._options = options
        self._decoder = utf8_decoder() if text else None
        self._deflate = deflate
        self._parts: list[str | bytes] = []
        self._fragments = self._empty = 0
        self.size = self.wire = 0

    def add(self, payload: bytes) -> None:
        """Take one frame's payload, as it was on the wire but unmasked."""
        self._count(payload)
        self.wire += len(payload)
        if self._deflate is not None:
            payload = self._deflate.inflate(payload, self._options.max_message_size - self.size)
        self.size += len(payload)
        self._append(payload, final=False)

    def _count(self, payload: bytes) -> None:
        """Bound the frames; empty ones, which cost the peer nothing, tighter."""
        self._fragments += 1
        self._empty += not payload
        options = self._options
        if self._fragments > options.max_fragments or self._empty > options.max_empty_fragments:
            raise PolicyViolation("a message of too many fragments")

    def _append(self, payload: bytes, *, final: bool) -> None:
        if self._decoder is None:
            self._parts.append(payload)
            return
        try:
            self._parts.append(self._decoder.decode(payload, final))
        except UnicodeDecodeError:
            raise invalid_text() from None

    def finish(self) -> str | bytes:
        """Answer the whole message."""
        tail = b""
        if self._deflate is not None:
            tail = self._deflate.finish_message(self._options.max_message_size - self.size)
        self._append(tail, final=True)
        if self._decoder is None:
            return b"".join(self._parts)  # type: ignore[arg-type] # bytes, without a decoder
        return "".join(self._parts)  # type: ignore[arg-type] # str, with one


def decode_text(payload: bytes) -> str:
    """Answer the text of a whole message."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        raise invalid_text() from None


def invalid_text() -> InvalidUTF8:
    """Answer the error for text that is none."""
    return InvalidUTF8("a text message that is not UTF-8 (RFC 6455 §8.1)")
