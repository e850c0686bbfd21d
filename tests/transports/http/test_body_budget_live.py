"""Bodies in progress that are more than a process keeps, over real connections."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.raw import Client, request
from tests.support.server import Served, serve
from tests.support.site import Site, round_trip
from transports.http.shared import SMALL_BODY

SIZE = 100_000


@pytest.fixture
def site() -> Site:
    return Site(max_bodies=3 * SIZE)


@pytest.fixture
def served(site: Site) -> Iterator[Served]:
    with serve(site.endpoint) as served:
        yield served


def begin(served: Served, sent: int, *, chunked: bool = False) -> Client:
    """Send ``sent`` bytes of a longer body, and come back when they are read."""
    client = Client(served.address)
    bodies, wanted = served.server.shared.bodies, served.server.shared.bodies.total + sent
    if chunked:
        client.send(request("/echo", "Transfer-Encoding: chunked", method="POST"))
        client.send(b"%x\r\n%b" % (10 * SIZE, b"x" * sent))
    else:
        client.send(request("/echo", f"Content-Length: {10 * SIZE}", method="POST"))
        client.send(b"x" * sent)
    for _ in range(1000):
        if bodies.total >= wanted:
            break
        round_trip(served.address)
    return client


@pytest.mark.parametrize("chunked", [False, True])
def test_when_room_is_short_the_slow_one_goes_and_the_newcomer_is_served(
    served: Served, site: Site, chunked: bool
) -> None:
    with (
        begin(served, 2 * SIZE, chunked=chunked) as slow,
        begin(served, SMALL_BODY, chunked=chunked) as small,
        Client(served.address) as newcomer,
    ):
        wire = request("/echo", method="POST", body=b"y" * 2 * SIZE)
        newcomer.send(wire)
        assert newcomer.answer().body == b"y" * 2 * SIZE
        answer = slow.answer()
        assert (answer.status, answer.body) == (503, b"")
        assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")
        slow.send(b"x" * 10)  # it lingers, and holds nothing
        round_trip(served.address)
        assert served.server.shared.bodies.total == SMALL_BODY
        held = [stream.protocol._parser.buffered for stream in served.streams]
        assert sum(held) == (0 if chunked else SMALL_BODY)
        slow.close()
        if not chunked:
            small.send(b"x" * (10 * SIZE - SMALL_BODY))
            assert small.answer().status == 503  # by itself it is too much


def test_body_that_alone_is_more_than_the_budget_is_503(served: Served) -> None:
    with Client(served.address) as client:
        client.send(request("/echo", f"Content-Length: {10 * SIZE}", method="POST"))
        client.send(b"x" * (3 * SIZE + 1))
        assert client.answer().status == 503


def test_bodies_that_end_in_any_way_count_no_more(served: Served, site: Site) -> None:
    bodies = served.server.shared.bodies
    with begin(served, SIZE) as cut, begin(served, SIZE, chunked=True) as ended:
        cut.reset()
        ended.end()
        assert ended.read_to_end() == b""
        round_trip(served.address)
        assert bodies.total == 0
    with begin(served, SIZE, chunked=True) as client:
        stream = next(s for s in served.streams if s.peer == client.sock.getsockname())
        stream.protocol.end_now()
        assert client.answer().status == 503
        assert bodies.total == 0
    with Client(served.address) as client:
        assert client.ask("/echo", method="POST", body=b"x" * 3 * SIZE).status == 200
    assert bodies.total == 0
