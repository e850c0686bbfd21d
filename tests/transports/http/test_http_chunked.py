from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import HTTPError
from tests.transports.http.parsing import CHUNKED, one, parse, refusal
from transports.http.chunked import ChunkedBody
from transports.http.options import HTTPOptions


def take(data: bytes) -> tuple[bytes | None, bytes]:
    """Return the body and what is left of ``data``."""
    buffer = bytearray(data)
    body = ChunkedBody(HTTPOptions()).take(buffer)
    return body, bytes(buffer)


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (b"0\r\n\r\n", b""),
        (b"000\r\n\r\n", b""),
        (b"2\r\nhi\r\n0\r\n\r\n", b"hi"),
        (b"0002\r\nhi\r\n0\r\n\r\n", b"hi"),
        (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"01234567890123456789"),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
        (b"2;a\r\nhi\r\n0;b=c\r\n\r\n", b"hi"),
        (b'2;a="b c;\t\xff";d=e;f\r\nhi\r\n0\r\n\r\n', b"hi"),
        (b"0\r\nx: 1\r\ny:\r\n\r\n", b""),
    ],
)
def test_body_is_decoded_and_what_follows_is_left(data: bytes, body: bytes) -> None:
    assert take(data + b"next") == (body, b"next")


@pytest.mark.parametrize(
    "data", [b"", b"2", b"2\r", b"2\r\nh", b"2\r\nhi", b"0\r\n", b"0\r\nx: 1\r\n"]
)
def test_body_that_is_not_all_there_is_awaited(data: bytes) -> None:
    assert take(data)[0] is None


@pytest.mark.parametrize(
    "line",
    [
        b"\r\n",
        b"g\r\n",
        b"-1\r\n",
        b"+1\r\n",
        b"0x2\r\n",
        b"1_0\r\n",
        b" 2\r\n",
        b"2 \r\n",
        b"2\t;a\r\n",
        b"2; a\r\n",
        b"2;\r\n",
        b"2;=a\r\n",
        b"2;a=\r\n",
        b'2;a="b\r\n',
        b'2;a="\\""\r\n',
        b"2;a=b c\r\n",
        b"2;a\0\r\n",
        b"2;a\rb\r\n",
        b"2\n",
        b"11111111111111111\r\n",
    ],
)
def test_size_line_that_is_no_plain_hex_is_400(line: bytes) -> None:
    error = refusal(CHUNKED + line)
    assert (error.status, error.message[:36]) == (400, "a chunk must begin with its size in ")


@pytest.mark.parametrize("end", [b"\n", b"\r\r\n", b"x\r\n", b"hi\r\n0\r\n"])
def test_chunk_that_does_not_end_where_its_size_says_is_400(end: bytes) -> None:
    error = refusal(CHUNKED + b"2\r\nhi" + end)
    assert (error.status, error.message[:21]) == (400, "a chunk must end with")


@pytest.mark.parametrize(
    "line", [b"x : 1\r\n", b" x: 1\r\n", b"x\r\n", b"x: 1\n", b"x: \0\r\n", b": 1\r\n", b"\n"]
)
def test_trailer_that_is_no_header_is_400(line: bytes) -> None:
    error = refusal(CHUNKED + b"0\r\n" + line)
    assert (error.status, error.message[:20]) == (400, "a trailer must be 'n")


def test_trailers_do_not_become_headers() -> None:
    asked = one(CHUNKED + b"0\r\ncontent-length: 5\r\nhost: evil\r\n\r\n")
    assert asked.headers == (("host", "a"), ("transfer-encoding", "chunked"))


@pytest.mark.parametrize(("size", "status"), [(9, None), (10, None), (11, 413)])
def test_decoded_body_is_limited(size: int, status: int | None) -> None:
    (found,) = parse(CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size), max_body=10)
    assert getattr(found, "status", None) == status


@pytest.mark.parametrize(("size", "status"), [(4, None), (5, None), (6, 413)])
def test_all_chunks_together_are_limited(size: int, status: int | None) -> None:
    data = b"5\r\nxxxxx\r\n%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size)
    (found,) = parse(CHUNKED + data, max_body=10)
    assert getattr(found, "status", None) == status


def test_body_over_the_limit_is_413_before_its_bytes_come() -> None:
    assert refusal(CHUNKED + b"ffffffffffffffff\r\n").status == 413


@pytest.mark.parametrize(("size", "status"), [(19, None), (20, None), (21, 413)])
def test_framing_is_limited(size: int, status: int | None) -> None:
    data = b"0;" + b"a" * (size - 6) + b"\r\n\r\n"
    assert len(data) == size
    (found,) = parse(CHUNKED + data, max_chunk_framing=20)
    assert getattr(found, "status", None) == status


def test_framing_of_many_small_chunks_is_limited() -> None:
    chunk = b"1\r\nx\r\n"  # five bytes of framing around one
    assert one(CHUNKED + chunk * 3 + b"0\r\n\r\n", max_chunk_framing=20).body == b"xxx"
    assert refusal(CHUNKED + chunk * 4 + b"0\r\n\r\n", max_chunk_framing=20).status == 413


@pytest.mark.parametrize(("size", "status"), [(119, None), (120, None), (121, 413)])
@pytest.mark.parametrize("body", [400, 403])
def test_framing_may_be_a_quarter_of_the_body_as_well(
    size: int, status: int | None, body: int
) -> None:
    """20 bytes, and 100 that a body of 400 allows."""
    whole = b"%x\r\n%b\r\n" % (body, b"x" * body)
    data = whole + b"0;" + b"a" * (size - 7 - 6) + b"\r\n\r\n"
    assert len(data) - body == size
    (found,) = parse(CHUNKED + data, max_chunk_framing=20)
    assert getattr(found, "status", None) == status


def test_chunks_of_24_bytes_are_never_too_much_framing() -> None:
    chunk = b"18\r\n%b\r\n" % (b"x" * 24)
    body = one(CHUNKED + chunk * 40_000 + b"0\r\n\r\n").body
    assert len(body) == 960_000


@pytest.mark.parametrize("cut", [1, 7, 4096, 65_536])
def test_one_byte_chunks_end_after_16_kib_of_framing(cut: int) -> None:
    """Each brings five bytes, and allows a quarter of one."""
    chunk = b"1\r\nx\r\n"
    decoder, buffer, taken = ChunkedBody(HTTPOptions()), bytearray(), 0
    wire = chunk * 10_000

    def feed() -> None:
        nonlocal taken
        while taken < len(wire):
            buffer.extend(wire[taken : taken + cut])
            taken += cut
            decoder.take(buffer)
            assert len(buffer) < len(chunk)

    with pytest.raises(HTTPError, match="framing must be at most 16384 bytes") as caught:
        feed()
    assert caught.value.status == 413
    assert decoder.received == (16_384 // 19) * 4 + 1


def test_line_that_never_ends_is_limited() -> None:
    assert parse(CHUNKED + b"0;" + b"a" * 18, max_chunk_framing=20) == []
    assert refusal(CHUNKED + b"0;" + b"a" * 19, max_chunk_framing=20).status == 413


@given(st.data())
def test_body_does_not_depend_on_how_it_is_chunked_or_read(data: st.DataObject) -> None:
    chunks = data.draw(st.lists(st.binary(min_size=1, max_size=20), max_size=5))
    wire = b"".join(b"%X\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\nrest"
    cuts = sorted(data.draw(st.sets(st.integers(0, len(wire)), max_size=8)))
    decoder, buffer, body = ChunkedBody(HTTPOptions()), bytearray(), None
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        buffer += wire[start:end]
        if body is None:
            body = decoder.take(buffer)
    assert body == b"".join(chunks)
    assert buffer == b"rest"


@given(st.text(alphabet='0129afAF;="\r\n\t x:', max_size=40))
def test_anything_is_a_body_unfinished_or_400(text: str) -> None:
    try:
        body, rest = take(text.encode())
    except HTTPError as error:
        assert error.status in {400, 413}  # noqa: PT017 - either outcome is right
    else:
        assert body is None or len(body) + len(rest) <= len(text)
