from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transports.http.response import WITHOUT_BODY, Response, encode, encode_head

DATE = "Thu, 01 Jan 1970 00:00:00 GMT"


def encoded(*headers: tuple[str, str], status: Any = 200, body: Any = b"") -> bytes:
    return encode(Response(status, body, headers), close=False, date=DATE)


def test_answer_has_status_headers_length_and_date() -> None:
    assert encoded(("x-a", "1"), ("X-B", "\t ~\xff"), body=b"hi") == (
        b"HTTP/1.1 200 OK\r\nx-a: 1\r\nX-B: \t ~\xff\r\ncontent-length: 2\r\n"
        b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\nhi"
    )


def test_answer_that_closes_says_so() -> None:
    answer = encode(Response(200), close=True, date=DATE)
    assert b"\r\nconnection: close\r\n" in answer
    assert b"connection" not in encoded()


def test_answer_to_head_has_the_length_of_the_body_and_no_body() -> None:
    answer = encode(Response(200, b"hi"), close=False, head_only=True, date=DATE)
    assert b"\r\ncontent-length: 2\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("status", sorted(WITHOUT_BODY))
def test_status_without_body_has_no_length_and_refuses_a_body(status: int) -> None:
    assert b"content-length" not in encoded(status=status)
    with pytest.raises(ValueError, match=f"status {status} has no body"):
        encoded(status=status, body=b"x")


def test_status_without_a_name_is_sent_all_the_same() -> None:
    assert encoded(status=299).startswith(b"HTTP/1.1 299 Unknown\r\n")


@pytest.mark.parametrize("status", [200, 201, 598, 599])
def test_final_status_is_sent(status: int) -> None:
    assert encoded(status=status).startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize("status", [-1, 0, 100, 101, 199, 600, 1000])
def test_status_that_is_no_answer_is_refused(status: int) -> None:
    with pytest.raises(ValueError, match="no answer"):
        encoded(status=status)


@pytest.mark.parametrize("status", ["200", "200 OK\r\nx: y", None, 200.5])
def test_status_that_is_no_whole_number_is_refused(status: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encoded(status=status)


@pytest.mark.parametrize(
    "end", ["\r", "\n", "\r\n", "\0", "\x0b", "\x0c", "\x1b", "\x7f", "\u2028"]
)
def test_value_that_could_split_the_answer_is_refused(end: str) -> None:
    for value in (end, f"a{end}", f"a{end}x-evil: 1", f"{end}a"):
        with pytest.raises(ValueError, match="'x-a' holds what a header cannot"):
            encoded(("x-a", value))


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\nb", "\xe9", "a\0", "(a)"])
def test_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        encoded((name, "1"))


@pytest.mark.parametrize("name", ["content-length", "Content-Length", "Transfer-Encoding", "DATE"])
def test_header_that_the_answer_gets_anyway_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        encoded((name, "1"))


@pytest.mark.parametrize(
    "response", [Response(200, "text"), Response(200, b"", (("a", 1),)), Response(200, b"", (1,))]
)
def test_part_of_the_wrong_type_is_refused(response: Response) -> None:
    with pytest.raises(TypeError):
        encode(response, close=False, date=DATE)


def test_head_alone_has_the_framing_that_is_asked_for() -> None:
    head = encode_head(200, (), "transfer-encoding: chunked\r\n", close=True, date=DATE)
    assert head == (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n"
        b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n"
    )


@given(st.text(max_size=8), st.text(max_size=8))
def test_any_header_is_one_line_or_refused(name: str, value: str) -> None:
    try:
        answer = encoded((name, value))
    except ValueError:
        return
    assert answer.count(b"\r\n") == answer.count(b"\n") == answer.count(b"\r") == 5
