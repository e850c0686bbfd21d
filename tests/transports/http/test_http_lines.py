from __future__ import annotations

import pytest

from tests.transports.http.parsing import HEAD, one, parse, refusal, verdicts
from transports.http.lines import shown

LINE = b"GET / HTTP/1.1\r\n"


def whole_and_in_halves(data: bytes, **options: int) -> list[list[int | None]]:
    """Return the statuses for ``data`` in one read, without its end, and byte by byte."""
    reads = [[data], [data[:-4]], [bytes([byte]) for byte in data]]
    return [[getattr(found, "status", None) for found in parse(*r, **options)] for r in reads]


@pytest.mark.parametrize(("size", "over"), [(-1, False), (0, False), (1, True)])
def test_request_line_is_limited(size: int, over: bool) -> None:
    most = 40
    path = b"/" + b"a" * (most + size - len(b"GET / HTTP/1.1"))
    data = b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % path
    expected = [[414]] * 3 if over else [[None], [], [None]]
    assert whole_and_in_halves(data, max_request_line=most) == expected


@pytest.mark.parametrize(("size", "over"), [(-1, False), (0, False), (1, True)])
def test_header_line_is_limited(size: int, over: bool) -> None:
    most = 40
    data = HEAD + b"X: " + b"a" * (most + size - len(b"X: ")) + b"\r\n\r\n"
    expected = [[431]] * 3 if over else [[None], [], [None]]
    assert whole_and_in_halves(data, max_header_line=most) == expected


@pytest.mark.parametrize(("count", "over"), [(-1, False), (0, False), (1, True)])
def test_number_of_headers_is_limited(count: int, over: bool) -> None:
    most = 5
    data = HEAD + b"X: 1\r\n" * (most + count - 1) + b"\r\n"
    whole, without_end, by_bytes = whole_and_in_halves(data, max_headers=most)
    assert whole == by_bytes == ([431] if over else [None])
    assert without_end == []  # the last line is not known to be one before its end


@pytest.mark.parametrize(("size", "over"), [(-1, False), (0, False), (1, True)])
def test_head_is_limited(size: int, over: bool) -> None:
    most = 60
    data = HEAD + b"X: " + b"a" * (most + size - len(HEAD + b"X: \r\n\r\n")) + b"\r\n\r\n"
    assert len(data) == most + size
    expected = [[431]] * 3 if over else [[None], [], [None]]
    assert whole_and_in_halves(data, max_head=most) == expected


@pytest.mark.parametrize(
    ("option", "most"),
    [("max_request_line", 8000), ("max_header_line", 8192), ("max_head", 32768)],
)
def test_line_that_never_ends_is_refused_at_the_limit(option: str, most: int) -> None:
    status = 414 if option == "max_request_line" else 431
    start = b"GET /" if option == "max_request_line" else HEAD + b"X: "
    if option == "max_head":
        start += (b"a" * 8000 + b"\r\nX: ") * 4
    assert parse(start) == []
    assert refusal(start, b"a" * most).status == status


def test_default_number_of_headers_is_100() -> None:
    assert len(one(HEAD + b"X: 1\r\n" * 99 + b"\r\n").headers) == 100
    assert refusal(HEAD + b"X: 1\r\n" * 100 + b"\r\n").status == 431


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00",  # a TLS hello
        b"\x05\x01\x00",  # SOCKS 5
        b"\x04\x01",  # SOCKS 4
        b"\x00",
        b"GET /\xff",
        b"GET / HTTP/1.1\n",
        b"GET /\n",
        b"\n",
        b"\r\r",
        b"\rG",
        b"PRI * HTTP/2.0\r\n",
        LINE + b"\n",
        LINE + b"X: 1\n",
        LINE + b" X: 1\r\n",
        LINE + b"X\r\n",
        LINE + b"X: \0\r\n",
    ],
)
def test_bad_start_is_refused_before_the_head_is_complete(data: bytes) -> None:
    assert refusal(data).status == 400


@pytest.mark.parametrize(
    "data",
    [b"", b"\r", b"\r\n", b"\r\n\r", b"G", b"GET / HTTP/1.1\r", LINE, LINE + b"X", LINE + b"\r"],
)
def test_start_that_may_become_a_head_is_awaited(data: bytes) -> None:
    assert parse(data) == []


def test_size_is_judged_before_syntax() -> None:
    assert refusal(LINE + b"\0" * 41, max_header_line=40).status == 431
    assert refusal(b"GET /" + b"a" * 40 + b"\0", max_request_line=40).status == 414


def test_earlier_line_is_judged_before_a_later_one() -> None:
    assert refusal(LINE + b"X\r\n" + b"a" * 41, max_header_line=40).status == 400


def test_what_is_shown_is_escaped_and_cut() -> None:
    assert shown(b"a\r\n") == "b'a\\r\\n'"
    assert shown("\u2028\xe9") == "'\\u2028\\xe9'"
    assert shown(["a"]) == "['a']"
    assert shown(b"a" * 97) == f"b'{'a' * 97}'"
    assert shown(b"a" * 98) == f"b'{'a' * 98} (cut)"
    assert len(shown(b"\xff" * 10_000)) == 106


@pytest.mark.parametrize("option", ["max_request_line", "max_header_line", "max_head"])
def test_limit_does_not_depend_on_where_a_read_ends(option: str) -> None:
    data = b"GET /abc HTTP/1.1\r\nHost: a\r\nX: abcdefghi\r\n\r\n"
    for most in range(1, len(data) + 2):
        whole = verdicts(data, **{option: most})
        for cut in range(1, len(data)):
            assert verdicts(data[:cut], data[cut:], **{option: most}) == whole, (most, cut)
