"""The parser against h11, and against itself with the same bytes cut in other places."""

from __future__ import annotations

from typing import Any

import h11
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.errors import HTTPError
from tests.transports.http.parsing import verdicts
from transports.http.head import Known, parse_head, recall
from transports.http.options import HTTPOptions

METHODS = st.sampled_from([b"GET", b"POST", b"PUT", b"HEAD", b"CONNECT", b"get", b"FOO", b"G\0T"])
TARGETS = st.sampled_from(
    [b"/", b"/a?b=c", b"//x", b"*", b"a", b"/a b", b"http://a/x", b"http://b/x", b"/#f", b"/\xff"]
)
VERSIONS = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.10", b"http/1.1", b""])
ENDS = st.sampled_from([b"\r\n", b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n", b" \r\n"])
NAMES = st.sampled_from(
    [
        *[b"Host", b"host ", b"Content-Length", b"Transfer-Encoding", b"Expect", b"Connection"],
        *[b"Upgrade", b"X", b" X", b"", b"X\xe9", b"X("],
    ]
)
VALUES = st.sampled_from(
    [
        *[b"a", b" a ", b"a:1", b"a@b", b"0", b"1", b" 2\t", b"+1", b"1_0", b"-1", b"3, 3"],
        *[b"chunked", b"Chunked", b"xchunked", b"gzip, chunked", b"100-continue", b"close"],
        *[b"99999999", b"upgrade", b"", b"\xe9", b"\0", b"\x7f", b"\x0b", b"a\r\n b"],
    ]
)
LINES = st.tuples(NAMES, st.just(b":"), VALUES, ENDS).map(b"".join)
BODIES = st.sampled_from(
    [
        *[b"", b"hi", b"x", b"0\r\n\r\n", b"2\r\nhi\r\n0\r\n\r\n", b"2\nhi\n0\n\n"],
        *[b"2;a=b\r\nhi\r\n0\r\nt: 1\r\n\r\n", b"-2\r\nhi\r\n0\r\n\r\n", b"ffff\r\n"],
        b"2\r\nhi0\r\n\r\n",
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """Draw a request that is nearly right, or wrong in one of the known ways."""
    line = b"%b %b %b" % (draw(METHODS), draw(TARGETS), draw(VERSIONS))
    if draw(st.integers(0, 3)):
        line = draw(st.sampled_from([b"GET / HTTP/1.1", b"POST /a HTTP/1.1", b"POST /a HTTP/1.0"]))
    lines = draw(st.lists(LINES, max_size=3))
    if draw(st.booleans()):
        lines.insert(draw(st.integers(0, len(lines))), b"Host: a\r\n")
    length = draw(
        st.sampled_from([b"0", b"1", b"2", b"2", b"3", b"02", b"2 ", b"9" * 20, b"8000001"])
    )
    framing = [b"Content-Length: %b\r\n" % length, b"Transfer-Encoding: chunked\r\n", b""]
    lines.append(draw(st.sampled_from(framing)))
    return line + draw(ENDS) + b"".join(lines) + b"\r\n" + draw(BODIES)


STREAMS = st.one_of(
    st.lists(requests(), min_size=1, max_size=3).map(b"".join),
    st.binary(max_size=40),
    st.text(alphabet="GET / HTP1.0\r\nHost:axX\t\0\xff", max_size=60).map(
        lambda text: text.encode("latin-1")
    ),
)
LIMITS = st.fixed_dictionaries(
    {},
    optional={
        "max_request_line": st.integers(12, 24),
        "max_header_line": st.integers(4, 28),
        "max_headers": st.integers(1, 4),
        "max_head": st.integers(20, 90),
        "max_body": st.integers(1, 5),
        "max_chunk_framing": st.integers(5, 20),
    },
)


@settings(max_examples=400)
@given(STREAMS, st.data(), LIMITS)
def test_verdict_does_not_depend_on_how_bytes_are_cut(
    stream: bytes, data: st.DataObject, options: dict[str, int]
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=8)))
    reads = [stream[i:j] for i, j in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    whole = verdicts(stream, **options)
    assert verdicts(*reads, **options) == whole
    assert verdicts(*(bytes([byte]) for byte in stream), **options) == whole


def head_verdict(data: bytes, known: Known) -> object:
    options, peer = HTTPOptions(), ("192.0.2.1", 9)
    found = recall(data + b"GET / HTTP/1.1", options, scheme="http", peer=peer, known=known)
    if found is not None:
        request, fields, size = found
        assert size == len(data)
        return [getattr(request, name) for name in request.__slots__], fields
    try:
        request, fields = parse_head(data, options, scheme="http", peer=peer, known=known)
    except HTTPError as error:
        return error.status, error.message
    return [getattr(request, name) for name in request.__slots__], fields


@settings(max_examples=400)
@given(st.lists(requests(), min_size=1, max_size=3), st.data())
def test_head_is_judged_alike_whatever_came_before(drawn: list[bytes], data: st.DataObject) -> None:
    heads = [request.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" for request in drawn]
    parts = [head.partition(b"\r\n") for head in [*heads, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"]]
    known: Known = {}
    for _ in range(6):  # the line of one, the rest of another
        line, rest = (data.draw(st.sampled_from(parts)) for _ in range(2))
        head = line[0] + b"\r\n" + rest[2]
        assert head_verdict(head, known) == head_verdict(head, {})
    assert len(known) <= 2


@settings(max_examples=400)
@given(
    st.lists(
        st.builds(
            lambda target, value, more: (
                b"POST /%b HTTP/1.1\r\nHost: a\r\nContent-Length:%b\r\n%b\r\n"
                % (target, value, more)
            ),
            st.sampled_from([b"", b"a?b", b"a b"]),
            st.sampled_from(
                [
                    b" 1",
                    b" 25",
                    b" 300",
                    b"4",
                    b" 5 ",
                    b" 06",
                    b" 0",
                    b" +7",
                    b" 8000001",
                    b" ",
                    b" 1, 2",
                ]
            ),
            st.sampled_from([b"", b"Content-Length: 1\r\n", b"Expect: 100-continue\r\n"]),
        ),
        min_size=2,
        max_size=4,
    )
)
def test_head_is_judged_alike_whatever_the_lengths_before(heads: list[bytes]) -> None:
    known: Known = {}
    for head in heads:
        assert head_verdict(head, known) == head_verdict(head, {})
    assert len(known) <= 1


@settings(max_examples=400)
@given(st.text(alphabet=st.characters(max_codepoint=0x7F), max_size=20))
def test_target_is_judged_alike_when_its_head_is_known(text: str) -> None:
    request = b"GET /%b HTTP/1.1\r\nHost: a\r\n\r\n" % text.encode()
    assert verdicts(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", request)[1:] == verdicts(request)


def h11_verdict(data: bytes) -> tuple[Any, ...] | None:
    """Return what h11 makes of one request; ``None`` while it waits; ``("refused",)``."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    body = b""
    asked: h11.Request | None = None
    while True:
        try:
            event = server.next_event()
        except h11.RemoteProtocolError:
            return ("refused",)
        if event is h11.NEED_DATA or event is h11.PAUSED:
            return None
        if isinstance(event, h11.Request):
            asked = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            assert asked is not None
            headers = tuple((n.decode(), v.decode("latin-1")) for n, v in asked.headers)
            return (asked.method.decode(), asked.http_version.decode(), headers, body)


@settings(max_examples=600)
@example(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
@example(b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi")
@given(requests())
def test_request_that_we_accept_h11_accepts_and_reads_alike(data: bytes) -> None:
    # Ours is the stricter parser, so whatever passes it must be what the laxer one sees, too:
    # a difference would be a request that two servers in a row understand differently.
    found = verdicts(data)
    if not found or len(found[0]) == 2:
        return
    method, _, version, headers, body = found[0]
    theirs = h11_verdict(data)
    assert theirs is not None
    assert theirs != ("refused",)
    assert (theirs[0], theirs[1], theirs[3]) == (method, version, body)
    assert [(name, value.lower()) for name, value in theirs[2]] == [
        (name, value.lower()) for name, value in headers
    ]


@settings(max_examples=300)
@given(
    st.sampled_from(["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"]),
    st.text(alphabet="abz09-._~!$&'()*+,;=:@%/", max_size=20),
    st.lists(
        st.tuples(
            st.text(alphabet="abXYZ09-_!#$%&'*+.^`|~", min_size=1, max_size=8),
            st.text(alphabet="".join(map(chr, [*range(32, 127)])), max_size=12).map(str.strip),
        ),
        max_size=5,
    ),
    st.binary(max_size=30),
    st.booleans(),
)
def test_request_that_h11_writes_we_read_as_it_was(
    method: str, path: str, extra: list[tuple[str, str]], body: bytes, chunked: bool
) -> None:
    framing = {"transfer-encoding": "chunked"} if chunked else {"content-length": str(len(body))}
    headers = [("host", "a"), *extra, *framing.items()]
    client = h11.Connection(h11.CLIENT)
    asked = h11.Request(method=method, target=f"/{path}", headers=headers)
    wire = client.send(asked) or b""
    wire += (client.send(h11.Data(data=body)) if body else b"") or b""
    wire += client.send(h11.EndOfMessage()) or b""
    lowered = tuple((name.lower(), value) for name, value in headers)
    assert verdicts(wire) == [(method, f"/{path}", "1.1", lowered, body)]
