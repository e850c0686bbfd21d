"""The codec of clients: what is made, and what is taken off a buffer, however it was cut."""

from __future__ import annotations

import pytest

from supervision.drills import wire
from supervision.drills.wire import (
    BINARY,
    CLOSE,
    PING,
    TEXT,
    Answer,
    Frame,
    Polling,
    close_frame,
    frame,
    request,
    take_answer,
    take_frame,
    upgrade,
)


def unmasked(data, start):
    mask, mixed = data[start : start + 4], data[start + 4 :]
    return bytes(byte ^ mask[place % 4] for place, byte in enumerate(mixed))


def in_pieces(take, data):
    """Feed ``data`` byte by byte; return the first that is taken, which must take all of it."""
    buffer = bytearray()
    for place in range(len(data)):
        assert take(buffer) is None
        buffer += data[place : place + 1]
    found = take(buffer)
    assert buffer == b""
    return found


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (request(), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        (request("/x", "A: b", host=None, version="1.0"), b"GET /x HTTP/1.0\r\nA: b\r\n\r\n"),
        (
            request("/x", method="POST", body=b"hi"),
            b"POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\nhi",
        ),
    ],
)
def test_a_request_is_what_it_is_told_to_be(made, wanted):
    assert made == wanted


def test_an_upgrade_has_its_headers_changed_or_left_out():
    usual = upgrade("/x").decode().lower()
    for line in ("connection: upgrade", "upgrade: websocket", "sec-websocket-version: 13"):
        assert f"{line}\r\n" in usual
    changed = upgrade("/x", "Origin: http://a", sec_websocket_key=None, upgrade="h2c").decode()
    assert "sec-websocket-key" not in changed
    assert changed.endswith("upgrade: h2c\r\nsec-websocket-version: 13\r\nOrigin: http://a\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "answer"),
    [
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA:  b \r\nA: c\r\n\r\n{}",
            Answer(
                200,
                {"content-length": "2", "a": "c"},
                b"{}",
                (("content-length", "2"), ("a", "b"), ("a", "c")),
            ),
        ),
        (b"HTTP/1.1 503 x\r\n\r\n", Answer(503, {}, b"")),
        (
            b"HTTP/1.1 304 x\r\ncontent-length: 5\r\n\r\n",
            Answer(304, {"content-length": "5"}, b"", (("content-length", "5"),)),
        ),
    ],
)
def test_an_answer_is_taken_when_it_is_whole(data, answer):
    assert in_pieces(take_answer, data) == answer


def test_an_answer_to_head_has_a_length_and_no_body():
    buffer = bytearray(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
    assert take_answer(buffer) is None
    assert take_answer(buffer, head_only=True).body == b""
    assert buffer == b""


@pytest.mark.parametrize(
    ("body", "found"), [(b'{"a":1}', {"a": 1}), (b"", {}), (b"page", {}), (b"[1]", {})]
)
def test_the_body_of_an_answer_is_an_object_or_none(body, found):
    assert Answer(200, {}, body).json == found


@pytest.mark.parametrize(
    ("size", "head"),
    [
        (0, b"\x81\x80"),
        (125, b"\x81\xfd"),
        (126, b"\x81\xfe\x00\x7e"),
        (65_535, b"\x81\xfe\xff\xff"),
        (65_536, b"\x81\xff\x00\x00\x00\x00\x00\x01\x00\x00"),
    ],
)
def test_a_frame_is_masked_and_says_its_length_in_the_shortest_form(size, head):
    payload = bytes(place % 251 for place in range(size))
    made = frame(TEXT, payload)
    assert made[: len(head)] == head
    assert unmasked(made, len(head)) == payload


def test_a_frame_may_be_wrong_in_every_way():
    assert frame(TEXT, "x", mask=None) == b"\x81\x01x"
    assert frame(PING, fin=False, rsv=5, mask=None) == b"\x59\x00"
    assert frame(BINARY, b"x", length_bits=16, mask=None) == b"\x82\x7e\x00\x01x"
    assert frame(BINARY, b"x", length_bits=64)[:10] == b"\x82\xff" + bytes(7) + b"\x01"
    assert unmasked(frame(TEXT, "\u20ac", mask=b"\xff\x00\xff\x00"), 2) == "\u20ac".encode()


def test_a_close_frame_has_a_code_and_a_reason_or_nothing():
    assert unmasked(close_frame(1012, "bye"), 2) == b"\x03\xf4bye"
    assert unmasked(close_frame(None), 2) == b""


@pytest.mark.parametrize("size", [0, 1, 125, 126, 300, 65_536])
def test_a_frame_is_taken_when_it_is_whole(size):
    data = frame(BINARY, bytes(size), fin=False, rsv=4, mask=None)
    for cut in {1, 3, 9, len(data) - 1} & set(range(len(data))):
        assert take_frame(bytearray(data[:cut])) is None
    buffer = bytearray(data + b"\x89")
    assert take_frame(buffer) == Frame(BINARY, bytes(size), fin=False, rsv=4)
    assert (buffer, take_frame(buffer)) == (b"\x89", None)


def test_a_masked_frame_is_no_servers():
    with pytest.raises(ValueError, match="masked"):
        take_frame(bytearray(frame(TEXT, "x")))


@pytest.mark.parametrize(
    ("payload", "code"), [(b"\x03\xf4bye", 1012), (b"", None), (b"\x03", None)]
)
def test_the_code_of_a_close_frame(payload, code):
    assert Frame(CLOSE, payload).code == code


def test_a_long_poll_session_asks_with_the_token_that_came_last():
    session = Polling("/poll?vsn=2")
    assert session.poll() == request("/poll?vsn=2")
    answer = Answer(200, {}, b'{"status":410,"token":"a b"}')
    assert session.adopt(answer) == {"status": 410, "token": "a b"}
    assert session.poll("A: b") == request("/poll?vsn=2&token=a%20b", "A: b")
    session.adopt(Answer(200, {}, b'{"status":200}'))
    assert session.token == "a b"
    assert session.post("hi") == request("/poll?vsn=2&token=a%20b", method="POST", body=b"hi")
    assert session.post(b"hi", token="c") == request(
        "/poll?vsn=2&token=c", method="POST", body=b"hi"
    )
    assert Polling("/poll", "c").target() == "/poll?token=c"
    assert Polling("/poll", "c").target("") == "/poll"


def test_the_accepted_key_is_that_of_the_rfc():
    assert wire.KEY == "dGhlIHNhbXBsZSBub25jZQ=="
    assert wire.ACCEPT == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
