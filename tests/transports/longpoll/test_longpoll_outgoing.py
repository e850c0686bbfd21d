"""What a callback sends, as messages of a poll."""

from __future__ import annotations

import pytest

from actors.messages import Opcode
from transports.longpoll.outgoing import message


@pytest.mark.parametrize(
    ("payload", "opcode", "wanted"),
    [
        ("text", None, "text"),
        ("", None, ""),
        ("text", Opcode.TEXT, "text"),
        ("text", 1, "text"),
        ("\u20ac", None, "\u20ac"),
        ("\u20ac".encode(), Opcode.TEXT, "\u20ac"),
        (bytearray(b"text"), Opcode.TEXT, "text"),
        (b"\x00\xff", None, "AP8="),
        (b"", None, ""),
        (b"\x00\xff", Opcode.BINARY, "AP8="),
        (bytearray(b"\x00"), None, "AA=="),
        (memoryview(b"xyz")[1:], None, "eXo="),
        ("\u20ac", Opcode.BINARY, "4oKs"),
        ("x" * 100, Opcode.PING, None),
        (b"x", Opcode.PONG, None),
    ],
)
def test_payload_as_a_poll_carries_it(payload, opcode, wanted):
    assert message(payload, opcode) == wanted


@pytest.mark.parametrize("payload", [None, 1, {"a": 1}, ["x"], object()])
def test_other_payload_names_what_is_accepted(payload):
    with pytest.raises(TypeError, match="accepted: str, bytes"):
        message(payload, None)


@pytest.mark.parametrize("payload", ["x", "\u20ac", b"x"])
@pytest.mark.parametrize("opcode", [Opcode.CLOSE, 0, 3, "text"])
def test_other_opcode_names_what_is_accepted(payload, opcode):
    with pytest.raises(TypeError, match="accepted: TEXT, BINARY, PING, PONG"):
        message(payload, opcode)


@pytest.mark.parametrize(
    ("payload", "opcode"), [("\ud800", None), ("\ud800", Opcode.BINARY), (b"\xff", Opcode.TEXT)]
)
def test_what_is_not_utf_8_is_no_message(payload, opcode):
    with pytest.raises(UnicodeError):
        message(payload, opcode)
