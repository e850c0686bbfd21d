from __future__ import annotations

import tracemalloc

import pytest

from tests.transports.http.parsing import HEAD, POST, one, refusal
from transports.http.head import Known, parse_head
from transports.http.options import HTTPOptions
from transports.http.parser import RequestParser
from transports.http.request import Request


def over_tls(data: bytes) -> Request | None:
    parser = RequestParser(HTTPOptions(), "https", ("192.0.2.1", 9))
    parser.receive_data(data)
    return parser.next_request()


def test_request_has_all_that_its_head_says() -> None:
    asked = one(
        b"GET /a%20b?c=d?e HTTP/1.1\r\nHost: A.example:81\r\nX-Y: \t z \r\nx-y:\xe9\r\n\r\n"
    )
    assert (asked.method, asked.target, asked.path) == ("GET", "/a%20b?c=d?e", "/a%20b")
    assert (asked.query_string, asked.version, asked.body) == ("c=d?e", "1.1", b"")
    assert (asked.host, asked.port, asked.scheme) == ("A.example", 81, "http")
    assert asked.headers == (("host", "A.example:81"), ("x-y", "z"), ("x-y", "\xe9"))


def test_scheme_and_peer_are_those_of_the_transport() -> None:
    asked = over_tls(HEAD + b"X-Forwarded-Proto: http\r\nX-Forwarded-For: 198.51.100.1\r\n\r\n")
    assert asked is not None
    assert (asked.scheme, asked.port, asked.peer) == ("https", 443, ("192.0.2.1", 9))


@pytest.mark.parametrize(
    "line",
    [
        b"GET /",
        b"GET / HTTP/1",
        b"GET / http/1.1",
        b"GET / HTTP/1.1 ",
        b" GET / HTTP/1.1",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"GET\t/ HTTP/1.1",
        b"GET a HTTP/1.1",
        b"GET ?a HTTP/1.1",
        b"GET * HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"GET /a#b HTTP/1.1",
        b"GET /a b HTTP/1.1",
        b"GET /\xe9 HTTP/1.1",
        b"GET /\0 HTTP/1.1",
        b"GET //\x7f HTTP/1.1",
        b"G\xc9T / HTTP/1.1",
        b"GET ftp://a/ HTTP/1.1",
        b"GET http:///a HTTP/1.1",
        b"GET http://a HTTP/1.1",
        b"CONNECT a:443 HTTP/1.1",
        b"CONNECT / HTTP/1.1",
        b"BREW / HTTP/1.1",
        b"get / HTTP/1.1",
        b"",
    ],
)
def test_request_line_that_is_none_is_400(line: bytes) -> None:
    assert refusal(b"\r\n" + line + b"\r\nHost: a\r\n\r\n").status == 400


@pytest.mark.parametrize("version", [b"0.9", b"1.2", b"1.9", b"2.0", b"2", b"3.0", b"11"])
def test_version_other_than_1_0_and_1_1_is_400_and_named(version: bytes) -> None:
    error = refusal(b"GET / HTTP/%b\r\nHost: a\r\n\r\n" % version)
    assert error.status == 400
    assert error.message == f"HTTP version HTTP/{version.decode()} unsupported"


@pytest.mark.parametrize(
    "line",
    [
        b"X : 1",
        b" X: 1",
        b"X: 1\r\n folded",
        b"X: 1\r\n\tfolded",
        b"X",
        b": 1",
        b"X: a\0b",
        b"X: a\x1bb",
        b"X: a\x7fb",
        b"X: a\rb",
        b"X: a\nY: b",
        b"X: a\r\r",
        b"X(: 1",
        b"\xe9: 1",
    ],
)
def test_header_that_is_malformed_is_400(line: bytes) -> None:
    assert refusal(HEAD + line + b"\r\n\r\n").status == 400


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"Host:\r\n",
        b"Host: a\r\nHost: a\r\n",
        b"Host: a\r\nHOST: b\r\n",
        b"Host: a, b\r\n",
        b"Host: a@b\r\n",
        b"Host: [::1\r\n",
        b"Host: a:99999\r\n",
        b"Host: a:\r\n",
        b"Host: a/b\r\n",
        b"Host: http://a\r\n",
    ],
)
def test_host_that_is_not_one_name_is_400(lines: bytes) -> None:
    error = refusal(b"GET / HTTP/1.1\r\n" + lines + b"\r\n")
    assert (error.status, error.message[:36]) == (400, "the 'host' header must be one host n")


def test_http_1_0_may_lack_a_host_but_not_have_a_bad_one() -> None:
    asked = one(b"GET / HTTP/1.0\r\n\r\n")
    assert (asked.host, asked.port, asked.version) == ("", 80, "1.0")
    assert refusal(b"GET / HTTP/1.0\r\nHost: a@b\r\n\r\n").status == 400
    assert refusal(b"GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n").status == 400


@pytest.mark.parametrize(
    ("target", "host"),
    [
        (b"http://a/x?y", b"a"),
        (b"HTTP://A/x?y", b"a"),
        (b"http://a:80/x?y", b"a"),
        (b"http://a/x?y", b"a:80"),
        (b"http://[::1]:81/x?y", b"[::1]:81"),
    ],
)
def test_absolute_target_of_this_host_is_its_path(target: bytes, host: bytes) -> None:
    asked = one(b"GET %b HTTP/1.1\r\nHost: %b\r\n\r\n" % (target, host))
    assert (asked.path, asked.query_string, asked.target) == ("/x", "y", "/x?y")


@pytest.mark.parametrize(
    "target", [b"http://b/", b"http://a:81/", b"https://a/", b"http://u@a/", b"http://a:99999/"]
)
def test_absolute_target_elsewhere_is_400(target: bytes) -> None:
    error = refusal(b"GET %b HTTP/1.1\r\nHost: a\r\n\r\n" % target)
    assert (error.status, error.message[:32]) == (400, "the target must name the 'host' ")


def test_absolute_target_over_tls_is_https() -> None:
    asked = over_tls(b"GET https://a:443/x HTTP/1.1\r\nHost: a\r\n\r\n")
    assert asked is not None
    assert asked.path == "/x"


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: 1\r\nContent-Length: 1\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: 1, 1\r\n",
        b"Content-Length: +1\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 1_0\r\n",
        b"Content-Length: 0x1\r\n",
        b"Content-Length: 1.0\r\n",
        b"Content-Length: 1 1\r\n",
        b"Content-Length:\r\n",
        b"Content-Length: \xb2\r\n",
        b"Content-Length: 00000000000000000001\r\n",
        b"Content-Length: 99999999999999999999\r\n",
        b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: chunkedx\r\n",
        b"Transfer-Encoding: identity\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b'Transfer-Encoding: "chunked"\r\n',
        b"Transfer-Encoding:\r\n",
    ],
)
def test_framing_that_is_ambiguous_is_400(lines: bytes) -> None:
    assert refusal(POST + lines + b"\r\nx").status == 400


def test_transfer_encoding_in_http_1_0_is_400() -> None:
    data = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert refusal(data).status == 400


def test_coding_is_compared_without_case() -> None:
    assert one(POST + b"Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n").body == b""


def test_nineteen_digits_of_length_are_read_as_a_number() -> None:
    assert one(POST + b"Content-Length: 0000000000000000002\r\n\r\nhi").body == b"hi"
    assert refusal(POST + b"Content-Length: 9223372036854775807\r\n\r\n").status == 413


@pytest.mark.parametrize(("size", "status"), [(9, None), (10, None), (11, 413)])
def test_length_of_the_body_is_limited(size: int, status: int | None) -> None:
    data = POST + b"Content-Length: %d\r\n\r\n" % size
    if status is None:
        assert len(one(data + b"x" * size, max_body=10).body) == size
    else:
        assert refusal(data, max_body=10).status == status


@pytest.mark.parametrize("value", [b"200-ok", b"100-continue, x", b""])
def test_expectation_other_than_100_continue_is_417(value: bytes) -> None:
    assert refusal(POST + b"Expect: %b\r\nContent-Length: 1\r\n\r\nx" % value).status == 417


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Expect: nonsense\r\n",
        POST + b"Expect: nonsense\r\nContent-Length: 0\r\n",
        b"GET / HTTP/1.0\r\nExpect: nonsense\r\n",
    ],
)
def test_expectation_of_a_request_without_body_means_nothing(head: bytes) -> None:
    assert one(head + b"\r\n").header("expect") == "nonsense"


def remembered(*sizes: int) -> list[int]:
    """Return the sizes of the heads that are held after heads of ``sizes`` were parsed."""
    known: Known = {}
    for number, size in enumerate(sizes):
        head = b"%b / HTTP/1.1\r\nHost: a\r\nX: " % [b"GET", b"POST", b"PUT"][number % 3]
        data = head + b"x" * (size - len(head) - 4) + b"\r\n\r\n"
        assert len(data) == size
        request, _ = parse_head(
            data, HTTPOptions(), scheme="http", peer=("192.0.2.1", 9), known=known
        )
        assert len(request.headers) == 2
    return [len(b"GET /") + len(fields.end) for fields in known.values()]


@pytest.mark.parametrize(("size", "held"), [(2047, 1), (2048, 1), (2049, 0)])
def test_head_is_remembered_up_to_2_kib(size: int, held: int) -> None:
    assert len(remembered(size)) == held


def test_two_heads_are_remembered_and_large_ones_do_not_replace_them() -> None:
    assert remembered(100, 101, 5000) == [100, 100]
    assert len(remembered(100, 101, 102)) == 1


def test_connection_that_idles_after_large_heads_holds_little() -> None:
    parser = RequestParser(HTTPOptions())
    lines = b"".join(b"X-%d: %b\r\n" % (number, b"x" * 8000) for number in range(4))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for method in (b"GET", b"HEAD"):
            parser.receive_data(method + b" / HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n")
            assert parser.next_request() is not None
            assert parser.next_request() is None
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert held < 4096
