from __future__ import annotations

import pytest

from actors.errors import InvalidUTF8, ProtocolError
from transports.websocket import frames

RECEIVABLE = {1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)}


@pytest.mark.parametrize(
    ("length", "head"),
    [
        (0, b"\x81\x00"),
        (125, b"\x81\x7d"),
        (126, b"\x81\x7e\x00\x7e"),
        (65535, b"\x81\x7e\xff\xff"),
        (65536, b"\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_header_has_the_shortest_length(length: int, head: bytes) -> None:
    assert frames.header(frames.TEXT, length) == head


def test_a_compressed_message_is_marked_by_rsv1() -> None:
    assert frames.encode(frames.BINARY, b"x", rsv1=True) == b"\xc2\x01x"


def test_the_headers_of_short_texts_are_those_that_header_makes() -> None:
    made = tuple(frames.header(frames.TEXT, length) for length in range(126))
    assert made == frames.TEXT_HEADERS


def test_a_close_frame_holds_code_and_reason() -> None:
    assert frames.encode_close(1008, "gr\u00fcn") == b"\x88\x07\x03\xf0gr\xc3\xbcn"


def test_the_code_1005_makes_an_empty_close_frame() -> None:
    assert frames.encode_close(1005) == b"\x88\x00"


def test_an_empty_close_frame_is_code_1005() -> None:
    assert frames.parse_close(b"") == (1005, "")


def test_a_close_payload_of_one_byte_is_refused() -> None:
    with pytest.raises(ProtocolError, match="one byte"):
        frames.parse_close(b"\x03")


def test_a_close_reason_is_utf_8() -> None:
    assert frames.parse_close(b"\x03\xe8gr\xc3\xbcn") == (1000, "gr\u00fcn")
    with pytest.raises(InvalidUTF8):
        frames.parse_close(b"\x03\xe8gr\xfcn")


def test_a_peer_may_send_the_codes_of_the_registry_and_of_applications_and_no_other() -> None:
    answers = {code: answer(code.to_bytes(2, "big")) for code in range(65536)}
    assert {code for code, answered in answers.items() if answered == (code, "")} == RECEIVABLE
    assert {answers[code] for code in answers.keys() - RECEIVABLE} == {1002}


def answer(payload: bytes) -> object:
    try:
        return frames.parse_close(payload)
    except ProtocolError as error:
        return error.close_code


@pytest.mark.parametrize(
    ("length", "size", "accepted"),
    [
        (125, 2, False),
        (126, 2, True),
        (65535, 2, True),
        (0, 8, False),
        (65535, 8, False),
        (65536, 8, True),
        ((1 << 63) - 1, 8, True),
        (1 << 63, 8, False),
        ((1 << 64) - 1, 8, False),
    ],
)
def test_a_length_must_be_in_its_shortest_form_and_63_bits(
    length: int, size: int, accepted: bool
) -> None:
    if accepted:
        frames.check_minimal(length, size)
    else:
        with pytest.raises(ProtocolError):
            frames.check_minimal(length, size)


@pytest.mark.parametrize("first", range(0x88, 0x90))
def test_of_the_control_opcodes_only_close_ping_and_pong_are_known(first: int) -> None:
    opcode = first & 15
    if opcode in (8, 9, 10):
        frames.check_control_header(first, 0x80, opcode)
    else:
        with pytest.raises(ProtocolError, match="reserved"):
            frames.check_control_header(first, 0x80, opcode)


@pytest.mark.parametrize("opcode", [8, 9, 10])
@pytest.mark.parametrize("bits", [0x00, 0xC0, 0xA0, 0x90, 0xF0])
def test_a_control_frame_is_final_and_has_no_rsv_bit(opcode: int, bits: int) -> None:
    with pytest.raises(ProtocolError, match="fragmented or has a RSV bit"):
        frames.check_control_header(bits | opcode, 0x80, opcode)


@pytest.mark.parametrize("opcode", [8, 9, 10])
def test_a_control_frame_has_at_most_125_bytes(opcode: int) -> None:
    for length in (124, 125):
        frames.check_control_header(0x80 | opcode, 0x80 | length, opcode)
    for length in (126, 127):  # what follows is a longer length, whatever it says
        with pytest.raises(ProtocolError, match="125 bytes"):
            frames.check_control_header(0x80 | opcode, 0x80 | length, opcode)
