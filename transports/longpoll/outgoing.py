"""What a callback sends, as messages of a poll."""

from __future__ import annotations

import binascii
from typing import Any, Final

from actors.messages import Opcode

_BYTES: Final = (bytes, bytearray, memoryview)
_CONTROL: Final = (Opcode.PING, Opcode.PONG)


def message(payload: Any, opcode: Any) -> str | None:
    """Return a payload as a poll carries it: binary as base64, ``None`` for a control frame.

    Without an opcode ``str`` is text and the rest binary. ``TypeError`` names the accepted form;
    text that is not UTF-8 (a lone surrogate, bytes) is a ``UnicodeError``.
    """
    if isinstance(payload, str):
        text = opcode is None or opcode == Opcode.TEXT
        if text and payload.isascii():
            return payload
        data = payload.encode()  # what could not be sent must fail here, not in a later poll
    elif isinstance(payload, _BYTES):
        text = opcode == Opcode.TEXT
        data = bytes(payload)
    else:
        raise TypeError(f"a payload {payload!r:.80}; accepted: str, bytes")
    if text:
        return data.decode()
    if opcode is None or opcode == Opcode.BINARY:
        return binary(data)
    if opcode in _CONTROL:
        return None
    raise TypeError(f"opcode {opcode!r:.80}; accepted: TEXT, BINARY, PING, PONG")


def binary(data: bytes) -> str:
    """Return a binary message as a poll carries it: base64 (RFC 4648 §4)."""
    return binascii.b2a_base64(data, newline=False).decode()
