from __future__ import annotations

from typing import Any

import pytest

from actors.messages import Opcode
from transports.websocket.deflate import Deflate
from transports.websocket.outgoing import message_frame, payload_frame


class Word(str):
    __slots__ = ()


@pytest.mark.parametrize(
    ("payload", "opcode", "frame"),
    [
        ("hi", None, b"\x81\x02hi"),
        ("hi", Opcode.TEXT, b"\x81\x02hi"),
        ("hi", Opcode.BINARY, b"\x82\x02hi"),
        ("hi", Opcode.PING, b"\x89\x02hi"),
        (Word("hi"), None, b"\x81\x02hi"),
        (b"hi", None, b"\x82\x02hi"),
        (b"hi", Opcode.TEXT, b"\x81\x02hi"),
        (b"hi", Opcode.PONG, b"\x8a\x02hi"),
        (b"", Opcode.PONG, b"\x8a\x00"),
        (bytearray(b"hi"), None, b"\x82\x02hi"),
        (memoryview(b"hi"), None, b"\x82\x02hi"),
    ],
)
def test_a_payload_goes_out_as_what_it_is_or_as_its_opcode_says(
    payload: Any, opcode: Any, frame: bytes
) -> None:
    assert payload_frame(payload, opcode, None) == frame


@pytest.mark.parametrize("payload", [None, 1, ["x"], object()])
def test_a_payload_of_another_type_is_a_type_error(payload: Any) -> None:
    with pytest.raises(TypeError, match="accepted: str, bytes"):
        payload_frame(payload, None, None)


@pytest.mark.parametrize("opcode", [0, 3, Opcode.CLOSE, "text", []])
def test_an_opcode_that_is_not_for_callbacks_is_a_type_error(opcode: Any) -> None:
    with pytest.raises(TypeError, match="accepted: TEXT, BINARY, PING, PONG"):
        payload_frame("x", opcode, None)


def test_text_that_is_not_utf_8_is_a_unicode_error() -> None:
    with pytest.raises(UnicodeError):
        payload_frame("\ud800", None, None)
    with pytest.raises(UnicodeError):
        payload_frame(b"\xff", Opcode.TEXT, None)


@pytest.mark.parametrize("opcode", [Opcode.PING, Opcode.PONG])
def test_a_control_payload_has_at_most_125_bytes(opcode: Opcode) -> None:
    for length in (124, 125):
        assert payload_frame(b"x" * length, opcode, None)[1] == length
    with pytest.raises(ValueError, match="at most 125 bytes"):
        payload_frame(b"x" * 126, opcode, None)


def test_a_message_is_compressed_where_that_was_negotiated_and_a_ping_is_not() -> None:
    deflate = Deflate(12, 15, 25, 1_048_576)
    compressed = deflate.compress(b"x" * 1000)
    frame = bytes((0xC1, len(compressed))) + compressed
    assert message_frame(Opcode.TEXT, b"x" * 1000, deflate) == frame
    assert payload_frame("x" * 1000, None, deflate) == frame
    assert payload_frame("x" * 100, Opcode.PING, deflate) == b"\x89\x64" + b"x" * 100
