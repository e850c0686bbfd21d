"""Handlers that wait for clients to read: how many there may be."""

from __future__ import annotations

import logging

import gevent
import pytest
from gevent.event import Event

from actors import Endpoint
from tests.support.raw import DEADLINE, Client, request
from tests.support.server import serve
from transports.http.options import HTTPOptions
from transports.http.shared import Stalled
from transports.http.writer import WRITE_AHEAD

BLOCK = b"x" * WRITE_AHEAD
BLOCKS = 150  # more than the kernel's buffers take


class Line:
    peer = ("192.0.2.1", 9)

    def __init__(self) -> None:
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1


@pytest.mark.parametrize(("count", "resets"), [(2, [0, 0]), (3, [0, 0, 0]), (4, [1, 0, 0, 0])])
def test_beyond_the_bound_the_longest_waiting_is_reset(count: int, resets: list[int]) -> None:
    stalled, lines = Stalled(3), [Line() for _ in range(count)]
    given_up = [stalled.enter(line) for line in lines]
    assert given_up == [None] * 3 + lines[:1] if count > 3 else [None] * count
    assert [line.resets for line in lines] == resets
    assert len(stalled) == min(count, 3)


def test_who_goes_on_and_waits_again_is_the_last() -> None:
    stalled, (first, second, third) = Stalled(2), [Line() for _ in range(3)]
    stalled.enter(first)
    stalled.enter(second)
    stalled.leave(first)
    stalled.leave(third)
    stalled.enter(first)
    stalled.enter(third)
    assert [line.resets for line in (first, second, third)] == [0, 1, 0]


class Streaming:
    """A WSGI application whose answers are long; ``ended`` holds how they did."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.more = Event()

    def __call__(self, environ, start_response):
        start_response("200 OK", [("Content-Length", str(len(BLOCK) * BLOCKS))])
        name = environ["PATH_INFO"]
        try:
            for _ in range(BLOCKS):
                yield BLOCK
            self.ended.append(f"{name} whole")
        except GeneratorExit:
            self.ended.append(f"{name} cut off")
            raise
        finally:
            self.more.set()


def test_clients_that_do_not_read_hold_up_no_more_handlers_than_that(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="roost.transports")
    application = Streaming()
    endpoint = Endpoint(fallback=application, http=HTTPOptions(max_stalled=2))
    with serve(endpoint) as served:
        stalled = served.server.shared.stalled
        clients = [Client(served.address) for _ in range(3)]
        for number, client in enumerate(clients):
            client.send(request(f"/{number}"))
            with gevent.Timeout(DEADLINE):
                while len(stalled) < min(2, number + 1) or (number == 2 and not application.ended):
                    application.more.wait(0.01)
        assert application.ended == ["/0 cut off"]
        assert "reset a client of 127.0.0.1 that did not read its answer" in caplog.text
        cut = clients[0].read_to_end().partition(b"\r\n\r\n")[2]
        assert len(cut) < len(BLOCK) * BLOCKS
        for client in clients[1:]:
            assert client.answer().body == BLOCK * BLOCKS
        assert sorted(application.ended) == ["/0 cut off", "/1 whole", "/2 whole"]
        assert len(stalled) == 0
        for client in clients:
            client.close()
