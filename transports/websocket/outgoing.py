"""What a callback sends, as frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from transports.websocket.frames import (
    BINARY,
    MAX_CONTROL_PAYLOAD,
    PING,
    PONG,
    TEXT,
    encode,
    header,
)

if TYPE_CHECKING:
    from transports.websocket.deflate import Deflate

_MESSAGE: Final = (BINARY, TEXT)
_CONTROL: Final = (PING, PONG)
_BYTES: Final = (bytes, bytearray, memoryview)


def payload_frame(payload: Any, opcode: Any, deflate: Deflate | None) -> bytes:
    """Return the frame for a payload; without an opcode ``str`` is text and the rest binary.

    ``TypeError`` and ``ValueError`` name the accepted form; text that is not UTF-8 (a lone
    surrogate, bytes) is a ``UnicodeError``.
    """
    if isinstance(payload, str):
        data = payload.encode()
        opcode = TEXT if opcode is None else opcode
    elif isinstance(payload, _BYTES):
        data = bytes(payload)
        opcode = BINARY if opcode is None else opcode
        if opcode == TEXT:
            data.decode()  # what goes out as text must be UTF-8, as what comes in
    else:
        raise TypeError(f"a payload {payload!r:.80}; accepted: str, bytes")
    if opcode in _MESSAGE:
        return message_frame(opcode, data, deflate)
    if opcode in _CONTROL:
        if len(data) > MAX_CONTROL_PAYLOAD:
            raise ValueError("a ping or pong carries at most 125 bytes (RFC 6455 §5.5)")
        return encode(opcode, data)
    raise TypeError(f"opcode {opcode!r:.80}; accepted: TEXT, BINARY, PING, PONG")


def message_frame(opcode: int, data: bytes, deflate: Deflate | None) -> bytes:
    """Return a message's frame, compressed where that was negotiated (RFC 7692 §6.1)."""
    if deflate is not None:
        return encode(opcode, deflate.compress(data), rsv1=True)
    return header(opcode, len(data)) + data
