"""Requests in, answers out, over real connections."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from actors.errors import HTTPError
from tests.support.held import Held
from tests.support.raw import Client, request
from tests.support.server import Served, serve
from tests.support.site import DEADLINE, Site, round_trip
from transports.http.response import Response
from transports.tcp.stream import READ_SIZE

LARGE = b"x" * 8_000_000


@pytest.fixture
def site() -> Site:
    return Site(max_pipelined=1000)


@pytest.fixture
def served(site: Site) -> Iterator[Served]:
    with serve(site.endpoint) as served:
        yield served
        site.release.set()


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address) as client:
        yield client


def stream_of(served: Served, client: Client) -> object:
    """Return the server's side of ``client``."""
    (stream,) = [s for s in served.streams if s.peer == client.sock.getsockname()]
    return stream


def test_connection_lives_on_from_request_to_request(client: Client) -> None:
    for body in (b"a", b"", b"b" * 70_000):
        answer = client.ask("/echo", method="POST", body=body)
        assert (answer.status, answer.body) == (200, body)
        assert "connection" not in answer.headers
        assert answer.headers["date"].endswith(" GMT")


@pytest.mark.parametrize(
    "asked",
    [
        request("/echo", "Connection: close"),
        request("/echo", "Connection: Keep-Alive, Close"),
        request("/echo", version="1.0"),
        request("/echo", "Connection: keep-alive", version="1.0"),
        request("/echo", host=None, version="1.0"),
    ],
)
def test_connection_that_does_not_live_on_is_announced_and_closed(
    client: Client, site: Site, asked: bytes
) -> None:
    client.send(asked + request("/canary"))
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (200, "close")
    assert client.read_to_end() == b""
    assert site.canaries == 0


def test_head_is_answered_without_a_body_and_the_next_request_is_understood(client: Client) -> None:
    answer = client.ask("/echo", method="HEAD", body=b"hi")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "2", b"")
    assert client.ask("/echo").status == 200
    assert client.ask("/nowhere", method="HEAD").status == 404
    assert client.ask("/echo").status == 200


def test_path_without_a_handler_is_404_and_the_connection_lives_on(client: Client) -> None:
    answer = client.ask("/nowhere")
    assert (answer.status, answer.body) == (404, b'{"errors":{"detail":"Not Found"}}')
    assert client.ask("/echo").status == 200


def test_body_for_a_path_without_a_handler_is_not_read(client: Client, site: Site) -> None:
    client.send(request("/nowhere", "Content-Length: 1000000", method="POST") + request("/canary"))
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (404, "close")
    assert client.read_to_end() == b""
    assert site.canaries == 0


def test_pipelined_requests_are_answered_in_order(client: Client, site: Site) -> None:
    bodies = [b"%d" % number for number in range(50)]
    client.send(b"".join(request("/echo", method="POST", body=body) for body in bodies))
    assert [client.answer().body for _ in bodies] == bodies
    assert site.bodies == bodies


def test_pipelined_requests_for_what_is_not_there_are_all_answered(client: Client) -> None:
    client.send(request("/nowhere") * 20)
    assert [client.answer().status for _ in range(20)] == [404] * 20


def test_request_behind_an_unanswered_one_waits(client: Client, site: Site, served: Served) -> None:
    client.send(request("/slow") + request("/canary") + request("/nowhere"))
    assert site.entered.wait(DEADLINE)
    round_trip(served.address)
    assert site.canaries == 0
    site.release.set()
    assert [client.answer().body for _ in range(2)] == [b"slow", b""]
    assert client.answer().status == 404
    assert site.canaries == 1


def test_slow_handler_does_not_delay_other_clients(
    client: Client, site: Site, served: Served
) -> None:
    client.send(request("/slow"))
    assert site.entered.wait(DEADLINE)
    with Client(served.address) as other:
        assert other.ask("/echo").status == 200
    site.release.set()
    assert client.answer().body == b"slow"


@pytest.mark.parametrize(("size", "paused"), [(999, False), (1000, False), (1001, True)])
def test_reading_pauses_above_what_may_wait_unanswered(
    client: Client, site: Site, served: Served, size: int, paused: bool
) -> None:
    client.send(request("/slow"))
    assert site.entered.wait(DEADLINE)
    client.send(b"G" * size)
    round_trip(served.address)
    assert stream_of(served, client).paused is paused


def test_flood_of_pipelined_requests_is_held_back_and_then_served(
    client: Client, site: Site, served: Served
) -> None:
    flood = request("/echo") * 5000
    client.send(request("/slow"))
    assert site.entered.wait(DEADLINE)
    client.send(flood)
    round_trip(served.address)
    held = stream_of(served, client).protocol._parser.buffered
    assert 0 < held <= 1000 + READ_SIZE < len(flood)
    site.release.set()
    assert client.answer().body == b"slow"
    for _ in range(5000):
        assert client.answer().status == 200


def test_client_that_does_not_read_its_answers_is_not_served_more(site: Site) -> None:
    site.endpoint.pages["/large"] = lambda asked, http: Response(200, LARGE)
    with serve(site.endpoint) as served, Client(served.address) as client:
        client.send(request("/large") * 3 + request("/canary"))
        round_trip(served.address)
        assert site.canaries == 0
        assert [client.answer().body == LARGE for _ in range(3)] == [True] * 3
        assert client.answer().status == 200
    assert site.canaries == 1


def test_client_that_ends_its_side_is_answered_and_closed(client: Client, site: Site) -> None:
    client.send(request("/slow") + request("/canary"))
    client.end()
    assert site.entered.wait(DEADLINE)
    site.release.set()
    assert client.answer().body == b"slow"
    assert client.answer().status == 200
    assert client.read_to_end() == b""
    assert not site.lost.is_set()


def test_client_that_ends_amid_a_request_is_closed(client: Client, site: Site) -> None:
    client.send(request("/canary")[:-1])
    client.end()
    assert client.read_to_end() == b""
    assert site.canaries == 0


def test_client_lost_before_its_answer_is_reported_to_its_handler(
    client: Client, site: Site, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    client.send(request("/slow") + request("/canary"))
    assert site.entered.wait(DEADLINE)
    client.reset()
    assert site.lost.wait(DEADLINE)
    site.release.set()
    round_trip(served.address)
    assert site.canaries == 0
    assert caplog.records == []


def test_loss_that_came_first_is_reported_at_once(site: Site) -> None:
    told = []

    def late(asked: object, http: object) -> Response:
        assert site.lost.wait(DEADLINE)
        http.on_lost(lambda: told.append("lost"))
        site.release.set()
        return Response(200)

    site.endpoint.pages["/late"] = late
    with serve(site.endpoint) as served, Client(served.address) as other:
        other.send(request("/late"))
        round_trip(served.address)
        stream = stream_of(served, other)
        stream.on_closed = lambda _, then=stream.on_closed: (then(_), site.lost.set())
        other.reset()
        assert site.release.wait(DEADLINE)
    assert told == ["lost"]


def test_answer_may_come_after_the_handler(site: Site) -> None:
    waiting = []
    site.endpoint.pages["/later"] = lambda asked, http: waiting.append(http)
    with serve(site.endpoint) as served, Client(served.address) as client:
        client.send(request("/later") + request("/echo"))
        round_trip(served.address)
        waiting[0].respond(Response(200, b"later"))
        assert client.answer().body == b"later"
        assert client.answer().status == 200
        waiting[0].respond(Response(200, b"nobody asked"))
        assert client.ask("/echo").body == b""
        client.send(request("/later"))
        round_trip(served.address)
        waiting[1].respond(Response(200), close=True)
        assert client.answer().headers["connection"] == "close"
        assert client.read_to_end() == b""


@pytest.mark.parametrize("raised", [ValueError("boom"), SystemExit(), KeyboardInterrupt()])
def test_handler_that_fails_is_500_one_log_line_and_the_end_of_that_connection(
    site: Site, raised: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(asked: object, http: object) -> Response:
        raise raised

    site.endpoint.pages["/fail"] = fail
    with serve(site.endpoint) as served, Client(served.address) as client:
        client.send(request("/fail?token=sentinel") + request("/canary"))
        answer = client.answer()
        assert (answer.status, answer.body, answer.headers["connection"]) == (500, b"", "close")
        assert client.read_to_end() == b""
        with Client(served.address) as other:
            assert other.ask("/echo").status == 200
    assert site.canaries == 0
    (record,) = caplog.records
    assert record.getMessage().startswith("GET /fail: the handler failed: ")
    assert "sentinel" not in caplog.text


def test_handler_may_refuse_with_a_status_of_its_own(site: Site) -> None:
    def refuse(asked: object, http: object) -> Response:
        raise HTTPError(403, "not you", (("x-why", "because"), ("content-type", "text/x")))

    site.endpoint.pages["/refuse"] = refuse
    with serve(site.endpoint) as served, Client(served.address) as client:
        answer = client.ask("/refuse")
    assert (answer.status, answer.body, answer.headers["x-why"]) == (403, b"not you", "because")
    assert answer.headers["connection"] == "close"


@pytest.mark.parametrize("answered", ["text", b"bytes", 200, ("200 OK", [])])
def test_handler_that_answers_no_response_is_500(
    site: Site, answered: object, caplog: pytest.LogCaptureFixture
) -> None:
    site.endpoint.pages["/odd"] = lambda asked, http: answered
    with serve(site.endpoint) as served, Client(served.address) as client:
        assert client.ask("/odd").status == 500
    assert "accepted: a Response, or None" in caplog.text


def test_large_answer_to_a_slow_reader_arrives_whole(client: Client) -> None:
    client.send(request("/echo", "Connection: close", method="POST", body=LARGE))
    answer = client.answer()
    assert answer.body == LARGE
    assert client.read_to_end() == b""


def test_refused_request_is_one_line_in_the_log_without_its_content(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="roost")
    client.send(b"GET /?token=sentinel HTTP/1.1\r\nCookie : sentinel\r\n\r\n")
    assert client.answer().status == 400
    (record,) = [r for r in caplog.records if r.name == "roost.transports"]
    assert record.getMessage() == "refused a request of 127.0.0.1: 400"


def parts_of(stream: Any) -> Held:
    http = stream.protocol
    return Held(stream, http, http._parser)


@pytest.mark.parametrize("lines", [("Connection: close",), ()], ids=["announced", "by the client"])
def test_connection_that_has_ended_is_freed_without_the_collector(
    served: Served, lines: tuple[str, ...]
) -> None:
    gc.collect()
    gc.disable()
    try:
        with Client(served.address) as client:
            client.send(request("/echo", *lines))
            assert client.answer().status == 200
            held = parts_of(stream_of(served, client))
            assert held.left
        held.wait_freed()
    finally:
        gc.enable()
