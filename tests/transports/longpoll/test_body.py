from __future__ import annotations

import base64
import time
import tracemalloc

import pytest

from actors.errors import HTTPError
from transports.longpoll.body import NDJSON, Message, decode
from transports.longpoll.options import LongPollOptions

OPTIONS = LongPollOptions()
LARGE = LongPollOptions(max_body=8_000_000)


def refused(
    body: bytes,
    content_type: str | None = NDJSON,
    options: LongPollOptions = OPTIONS,
    status: int = 400,
) -> str:
    with pytest.raises(HTTPError) as caught:
        decode(body, content_type, options)
    assert caught.value.status == status
    return caught.value.message


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/json", "application/x-www-form-urlencoded", "Application/X-NDJSON"],
)
def test_any_other_content_type_is_one_text_message(content_type: str | None) -> None:
    assert decode(b'["a"]\n["b"]', content_type, OPTIONS) == ['["a"]\n["b"]']


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (b'["a"]\n["b"]', ['["a"]', '["b"]']),
        (b'["a"]\naGVsbG8=\n["c"]', ['["a"]', b"hello", '["c"]']),
        (b"/wA=", [b"\xff\x00"]),
        (b"", [b""]),
        (b'\n["a"]', [b"", '["a"]']),
    ],
)
def test_each_line_of_ndjson_is_a_message(body: bytes, messages: list[Message]) -> None:
    assert decode(body, NDJSON, OPTIONS) == messages


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (b'["a"]\n', ['["a"]']),
        (b"\n", [b""]),
        (b'["a"]\n\n', ['["a"]', b""]),
    ],
)
def test_one_newline_at_the_end_makes_no_message(body: bytes, messages: list[Message]) -> None:
    assert decode(body, NDJSON, OPTIONS) == messages


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        (b'["a"]\r\naGVsbG8=\r\n["c"]\r\n', ['["a"]', b"hello", '["c"]']),
        (b'["a"]\r\n["b"]\n["c"]', ['["a"]', '["b"]', '["c"]']),
        (b'["a"]\r\r\n', ['["a"]\r']),
        (b'["a"]\r', ['["a"]\r']),
        (b"\r\n", [b""]),
    ],
)
def test_one_cr_before_the_lf_is_part_of_the_line_end(body: bytes, messages: list[Message]) -> None:
    assert decode(body, NDJSON, OPTIONS) == messages


def test_a_line_of_max_base64_bytes_may_end_with_cr_lf() -> None:
    assert decode(b"AAAAAAAA\r\n", NDJSON, LongPollOptions(max_base64=8)) == [b"\0" * 6]


@pytest.mark.parametrize("line", [b"!!!", b'{"topic":"x"}', b"aGVsbG8", b" aGVsbG8=", b"aGVs\r"])
def test_a_line_that_is_neither_array_nor_base64_refuses_the_whole_batch(line: bytes) -> None:
    assert refused(b'["good"]\n' + line) == "a line is neither a JSON array nor base64"


@pytest.mark.parametrize("line", [b"QR==", b"QUJ="])
def test_base64_with_loose_bits_is_refused(line: bytes) -> None:
    assert refused(line) == "a line is not base64 in its canonical form"


@pytest.mark.parametrize("content_type", [None, NDJSON])
def test_text_that_is_not_utf_8_is_refused(content_type: str | None) -> None:
    assert refused(b"[\xff\xfe", content_type) == "a text message is not UTF-8"


@pytest.mark.parametrize("count", [99, 100])
@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_batch_of_100_messages_is_taken(count: int, end: bytes) -> None:
    assert len(decode(b"\n".join([b"[]"] * count) + end, NDJSON, OPTIONS)) == count


def test_a_batch_of_101_messages_is_refused() -> None:
    assert refused(b"\n".join([b"[]"] * 101)) == "over 100 messages in one request"


@pytest.mark.parametrize("size", [9, 10])
def test_a_body_of_max_body_bytes_is_taken(size: int) -> None:
    assert decode(b"x" * size, None, LongPollOptions(max_body=10)) == ["x" * size]


def test_a_body_over_max_body_is_refused() -> None:
    options = LongPollOptions(max_body=10)
    text = "the body must be at most 10 bytes, got 11"
    assert refused(b"x" * 11, None, options, status=413) == text


@pytest.mark.parametrize("size", [4, 8])
def test_a_line_of_max_base64_bytes_is_taken(size: int) -> None:
    line = b"A" * size
    messages = decode(line, NDJSON, LongPollOptions(max_base64=8))
    assert messages == [base64.b64decode(line)]


def test_a_line_over_max_base64_is_refused_before_it_is_decoded() -> None:
    assert refused(b"!" * 9, NDJSON, LongPollOptions(max_base64=8)).endswith("9 bytes, over 8")


def test_eight_megabytes_of_newlines_cost_under_50_ms() -> None:
    body = b"\n" * LARGE.max_body
    start = time.process_time()
    assert refused(body, options=LARGE) == "over 100 messages in one request"
    assert time.process_time() - start < 0.05


def test_eight_megabytes_of_newlines_cost_under_20_mb() -> None:
    body = b"\n" * LARGE.max_body
    tracemalloc.start()
    try:
        refused(body, options=LARGE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000
