"""A server that ends waits a moment for those it has just let in."""

from __future__ import annotations

import time

import gevent
import pytest

from actors import Endpoint
from actors.endpoint import connections
from tests.actors.runtime.recorder import eventually
from tests.support.raw import Client
from tests.support.server import serve
from transports.http.response import Response

DEADLINE = 20.0


@pytest.fixture
def served(monkeypatch):
    monkeypatch.setattr(connections, "FIRST_WORD", 0.3)
    endpoint = Endpoint()
    endpoint.page("/", lambda request, http: Response(200, b"welcome"))
    with serve(endpoint) as found:
        yield found


def test_a_client_that_was_just_let_in_is_answered(served):
    with Client(served.address) as client, Client(served.address) as witness:
        assert witness.ask("/").status == 200
        stopping = gevent.spawn(served.server.stop, DEADLINE)
        eventually(lambda: all(stream.protocol.draining for stream in served.streams))
        answer = client.ask("/")
        assert (answer.body, answer.headers["connection"]) == (b"welcome", "close")
        assert client.read_to_end() == witness.read_to_end() == b""
    assert stopping.get(timeout=DEADLINE) is True


def test_one_that_says_nothing_is_not_waited_for_any_longer(served):
    with Client(served.address) as client, Client(served.address) as witness:
        assert witness.ask("/").status == 200
        began = time.monotonic()
        stopping = gevent.spawn(served.server.stop, DEADLINE)
        assert client.read_to_end() == witness.read_to_end() == b""
        assert time.monotonic() - began >= 0.3
    assert stopping.get(timeout=DEADLINE) is True
