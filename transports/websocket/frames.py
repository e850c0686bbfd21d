"""RFC 6455 frames as bytes: what a server sends, and what a Close frame may hold."""

from __future__ import annotations

import struct
from typing import Final

from actors.errors import InvalidUTF8, ProtocolError

# Opcode's values as plain numbers, which cost no look-up in a class.
CONTINUATION: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

FIN: Final = 0x80
RSV1: Final = 0x40
RSV2: Final = 0x20
RSV3: Final = 0x10

WHOLE_TEXT: Final = FIN | TEXT
WHOLE_BINARY: Final = FIN | BINARY

MAX_CONTROL_PAYLOAD: Final = 125
"""Bytes; RFC 6455 §5.5."""

NO_STATUS: Final = 1005
"""Stands for a Close frame without a code (RFC 6455 §7.4.1); never on the wire."""

TEXT_HEADERS: Final = tuple(bytes((WHOLE_TEXT, n)) for n in range(126))

header_16: Final = struct.Struct(">BBH").pack
"""Makes a header with a length of 16 bits, of its two bytes and the length."""


def header(opcode: int, length: int, *, rsv1: bool = False) -> bytes:
    """Return the header of a final, unmasked frame (RFC 6455 §5.2)."""
    first = FIN | opcode | (RSV1 if rsv1 else 0)
    if length < 126:
        return bytes((first, length))
    if length < 65536:
        return header_16(first, 126, length)
    return bytes((first, 127)) + length.to_bytes(8, "big")


def encode(opcode: int, payload: bytes, *, rsv1: bool = False) -> bytes:
    """Return a whole final, unmasked frame."""
    return header(opcode, len(payload), rsv1=rsv1) + payload


def encode_close(code: int, reason: str = "") -> bytes:
    """Return a Close frame; code 1005 makes an empty one."""
    if code == NO_STATUS:
        return encode(CLOSE, b"")
    return encode(CLOSE, code.to_bytes(2, "big") + reason.encode())


def check_control_header(first: int, second: int, opcode: int) -> None:
    """Apply RFC 6455 §5.5 to the first two bytes of a frame whose opcode is 8 or above."""
    if opcode > PONG:
        raise ProtocolError(f"opcode {opcode:#x} is reserved (RFC 6455 §5.2)")
    if first & 0xF0 != FIN:
        raise ProtocolError("a control frame is fragmented or has a RSV bit (RFC 6455 §5.5)")
    if second & 0x7F > MAX_CONTROL_PAYLOAD:
        raise ProtocolError("a control frame of more than 125 bytes (RFC 6455 §5.5)")


def check_minimal(length: int, size: int) -> None:
    """Refuse a length that ``size`` bytes (2 or 8) may not say (RFC 6455 §5.2).

    It must be in the shortest form, and the top bit of a 64-bit one is 0.
    """
    if length >= 1 << 63:
        raise ProtocolError("a 64-bit length with its top bit set (RFC 6455 §5.2)")
    if length < (126 if size == 2 else 65536):
        raise ProtocolError("a length that is not in its shortest form (RFC 6455 §5.2)")


def parse_close(payload: bytes) -> tuple[int, str]:
    """Return (code, reason) of a peer's Close frame (RFC 6455 §5.5.1, §7.4)."""
    if not payload:
        return NO_STATUS, ""
    if len(payload) == 1:
        raise ProtocolError("a Close payload of one byte (RFC 6455 §5.5.1)")
    code = int.from_bytes(payload[:2], "big")
    if not may_be_received(code):
        raise ProtocolError(f"close code {code} may not be sent (RFC 6455 §7.4)")
    try:
        return code, payload[2:].decode()
    except UnicodeDecodeError:
        raise InvalidUTF8("a Close reason that is not UTF-8 (RFC 6455 §5.5.1)") from None


def may_be_received(code: int) -> bool:
    """Whether a peer may send ``code``: RFC 6455 §7.4, the registry up to 1014, and 3000-4999."""
    return code in (1000, 1001, 1002, 1003) or 1007 <= code <= 1014 or 3000 <= code <= 4999
