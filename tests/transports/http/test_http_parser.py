from __future__ import annotations

import time

import pytest

from tests.transports.http.parsing import CHUNKED, HEAD, POST, one, parse, refusal, verdicts
from transports.http.head import Known, parse_head, recall
from transports.http.options import HTTPOptions
from transports.http.parser import SMALL_READ, ParserState, RequestParser

GET = HEAD + b"\r\n"
LENGTH = POST + b"Content-Length: 2\r\n\r\n"


def fed(*reads: bytes) -> RequestParser:
    """Return a parser that found nothing complete in ``reads``."""
    parser = RequestParser(HTTPOptions())
    for data in reads:
        parser.receive_data(data)
        assert parser.next_request() is None
    return parser


def test_pipelined_requests_come_in_order() -> None:
    data = LENGTH + b"hi" + GET + CHUNKED + b"1\r\nx\r\n0\r\n\r\n" + GET
    assert [found.body for found in parse(data)] == [b"hi", b"", b"x", b""]


def test_each_request_is_judged_when_its_turn_comes() -> None:
    first, second = parse(GET + b"nonsense\r\n\r\n" + GET)
    assert (first.method, second.status) == ("GET", 400)


def test_one_blank_line_before_a_request_is_skipped_and_no_second() -> None:
    assert len(parse(b"\r\n" + GET + b"\r\n" + GET)) == 2
    assert len(parse(b"\r", b"\n", GET)) == 1
    assert refusal(b"\r\n\r\n" + GET).status == 400
    assert refusal(b"\r\n", b"\r\n", GET).status == 400


@pytest.mark.parametrize(
    ("reads", "state"),
    [
        ([], ParserState.IDLE),
        ([b"\r\n"], ParserState.IDLE),
        ([b"\r"], ParserState.HEAD),
        ([b"G"], ParserState.HEAD),
        ([GET[:-1]], ParserState.HEAD),
        ([LENGTH], ParserState.BODY),
        ([LENGTH, b"h"], ParserState.BODY),
        ([CHUNKED, b"1\r\nx\r\n0\r\n"], ParserState.BODY),
    ],
)
def test_state_says_what_is_awaited(reads: list[bytes], state: ParserState) -> None:
    assert fed(*reads).state is state


def test_state_after_a_request_is_that_of_the_next() -> None:
    parser = RequestParser(HTTPOptions())
    parser.receive_data(LENGTH + b"hi")
    assert parser.next_request() is not None
    assert (parser.state, parser.pending) == (ParserState.IDLE, None)


def test_request_whose_body_is_not_all_there_is_pending() -> None:
    assert fed(b"G").pending is None
    pending = fed(LENGTH, b"h").pending
    assert pending is not None
    assert (pending.method, pending.body) == ("POST", b"")


@pytest.mark.parametrize(
    ("reads", "expects"),
    [
        ([b"G"], False),
        ([LENGTH], False),
        ([POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"], True),
        ([POST + b"Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n\r\n"], True),
        ([POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", b"h"], False),
        ([b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"], False),
    ],
)
def test_client_that_expects_continue_waits_unless_it_has_begun(
    reads: list[bytes], expects: bool
) -> None:
    assert fed(*reads).expects_continue is expects


def test_what_follows_a_request_can_be_counted_and_taken() -> None:
    parser = RequestParser(HTTPOptions())
    parser.receive_data(GET + b"\x81\x00rest")
    assert parser.next_request() is not None
    assert parser.buffered == 6
    assert parser.take_rest() == b"\x81\x00rest"
    assert (parser.buffered, parser.take_rest()) == (0, b"")


def test_upgrade_request_does_not_hide_what_follows_it() -> None:
    parser = RequestParser(HTTPOptions())
    parser.receive_data(HEAD + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00")
    assert parser.next_request() is not None
    assert parser.take_rest() == b"\x81\x00"


def test_body_of_an_upgrade_request_is_its_body() -> None:
    head = HEAD + b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n"
    assert one(head + b"hi").body == b"hi"


def test_limits_that_one_line_reaches_alone_are_counted_by_line() -> None:
    # The head is larger than a line may be, and small enough as a whole.
    asked = one(HEAD + (b"X: " + b"a" * 30 + b"\r\n") * 3 + b"\r\n", max_header_line=40)
    assert len(asked.headers) == 4


def test_cost_of_a_head_does_not_grow_with_the_number_of_reads() -> None:
    data = HEAD + (b"X: " + b"a" * 300 + b"\r\n") * 90 + b"\r\n"
    started = time.process_time()
    assert len(parse(*(bytes([byte]) for byte in data))) == 1
    assert time.process_time() - started < 2.0  # quadratic: 27,000 reads of 27,000 bytes


def test_limit_of_a_body_whose_length_is_known_is_the_head_s_affair() -> None:
    parser = fed(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")
    parser.limit_body(1)
    parser.receive_data(b"cde")
    request = parser.next_request()
    assert request is not None
    assert request.body == b"abcde"


@pytest.mark.parametrize("rest", [b"", b"\x81\x00", POST + b"Content-Length: 1\r\n\r\nx"])
def test_head_that_is_known_but_for_its_target_is_taken_alone(rest: bytes) -> None:
    parser = RequestParser(HTTPOptions())
    parser.receive_data(GET)
    assert parser.next_request() is not None
    parser.receive_data(b"GET /b?c HTTP/1.1\r\nHost: a\r\n\r\n" + rest)
    request = parser.next_request()
    assert request is not None
    assert (request.target, request.path, request.query_string) == ("/b?c", "/b", "c")
    assert request.headers == (("host", "a"),)
    assert parser.take_rest() == rest


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (b"1", 1),
        (b"12", 12),
        (b"0", None),
        (b"012", None),
        (b"x", None),
        (b"", None),
        (b"101", None),
    ],
)
def test_head_that_is_known_but_for_the_length_of_its_body_is_taken(
    value: bytes, length: int | None
) -> None:
    options = HTTPOptions(max_body=100)
    known: Known = {}
    head = b"POST /%b HTTP/1.1\r\nContent-Length: %b\r\nHost: a\r\nX: 3\r\n\r\n"
    request, _ = parse_head(head % (b"", b"3"), options, scheme="http", peer=("", 0), known=known)
    data = head % (b"a?b", value)
    for _ in range(2):  # it is known itself from then on
        found = recall(data, options, scheme="http", peer=("", 0), known=known)
        assert (found is not None) is (length is not None)
        if found is not None:
            other, fields, size = found
            assert (other.target, fields.length, size) == ("/a?b", length, len(data))
            text = value.decode()
            assert other.headers == (("content-length", text), ("host", "a"), ("x", "3"))
            assert other.header("content-length") == text
    assert request.header("content-length") == "3"


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 12\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12",
        b"POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 12\r\n\r\n",
    ],
)
def test_head_that_differs_in_more_than_its_length_is_parsed(head: bytes) -> None:
    for known_head in (POST + b"Content-Length: 3\r\n\r\n", POST + b"content-length: 3\r\n\r\n"):
        known: Known = {}
        parse_head(known_head, HTTPOptions(), scheme="http", peer=("", 0), known=known)
        assert recall(head, HTTPOptions(), scheme="http", peer=("", 0), known=known) is None


def test_limit_of_a_line_holds_for_a_length_that_differs() -> None:
    line = b"Content-Length: %b\r\n\r\n"
    most = len(line % b"12") - 4
    found = verdicts(POST + line % b"1" + b"x", POST + line % b"100", max_header_line=most)
    assert [each[0] for each in found] == ["POST", 431]


@pytest.mark.parametrize("excess", [-1, 0, 1])
@pytest.mark.parametrize(("limit", "status"), [("max_request_line", 414), ("max_head", 431)])
def test_limits_hold_for_a_head_that_is_known(limit: str, status: int, excess: int) -> None:
    long = b"GET /%b HTTP/1.1" % (b"a" * 100)
    lines = b"\r\nHost: a\r\n\r\n"
    most = len(long) if limit == "max_request_line" else len(long + lines)
    found = verdicts(b"GET / HTTP/1.1" + lines, long + lines, **{limit: most - excess})
    assert len(found) == 2
    assert (found[1][0] == status) is (excess > 0)


def test_head_that_is_known_may_come_in_pieces_or_behind_others() -> None:
    one_more = b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"
    stream = GET + one_more * 2 + b"\r\n" + one_more
    assert verdicts(stream) == verdicts(
        GET, one_more[:9], one_more[9:] + one_more, b"\r\n" + one_more
    )
    large = b"GET /c HTTP/1.1\r\nHost: a\r\n\r\n" * 200
    assert len(large) > SMALL_READ
    assert len(parse(GET, large)) == 201
