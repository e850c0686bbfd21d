"""What becomes of kept-alive connections when their server ends: no request is lost."""

from __future__ import annotations

import ssl
import time

import gevent
import pytest
from gevent.event import Event
from gevent.ssl import SSLContext

from actors import Endpoint
from actors.endpoint.command.certificate import server_context
from tests.support import certificate
from tests.support.raw import Client, request
from tests.support.server import serve
from tests.support.site import DEADLINE, Site
from tests.support.waiting import eventually
from transports.http import deadlines
from transports.http.parser import ParserState

NEVER = 60.0
SOON = 0.3


@pytest.fixture(params=["plain", "tls"])
def tls(request, tmp_path):
    """Return the contexts of the server and of its clients."""
    if request.param == "plain":
        return None, None
    made = certificate.make(tmp_path)
    server = server_context(str(made), str(made.with_suffix(".key")))
    client = SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(made)
    return server, client


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def served(site, tls):
    with serve(site.endpoint, tls=tls[0]) as served:
        yield served
        site.release.set()


@pytest.fixture
def connect(served, tls):
    """Return a client that has had an answer, so that its connection is kept alive."""
    clients = []

    def connected():
        client = Client(served.address, tls=tls[1])
        assert "connection" not in client.ask("/echo").headers
        clients.append(client)
        return client

    yield connected
    for client in clients:
        client.close()


@pytest.fixture
def quiet(monkeypatch):
    """Have idle connections wait for so many seconds."""
    return lambda seconds: monkeypatch.setattr(deadlines, "QUIET", seconds)


def stopping(served, budget=DEADLINE):
    """Begin to stop, and come back when the connections are told."""
    greenlet = gevent.spawn(served.server.stop, budget)
    eventually(lambda: all(stream.protocol.draining for stream in served.streams))
    return greenlet


def leaving(served):
    """Begin to stop, and come back when idle connections wait for their end."""
    greenlet = stopping(served)
    eventually(lambda: all(stream.protocol._leaving for stream in served.streams))
    return greenlet


def test_idle_connection_brings_one_more_request_which_is_the_last(served, connect, quiet):
    quiet(NEVER)
    clients = [connect() for _ in range(5)]
    stopped = leaving(served)
    for client in clients:
        answer = client.ask("/echo", method="POST", body=b"late")
        assert (answer.status, answer.body) == (200, b"late")
        assert answer.headers["connection"] == "close"
        assert client.read_to_end() == b""
        client.close()
    assert stopped.get(timeout=DEADLINE) is True


def test_connection_without_a_request_yet_is_answered_as_well(served, tls, quiet):
    quiet(NEVER)
    with Client(served.address, tls=tls[1]) as client:
        eventually(lambda: served.streams)
        stopped = leaving(served)
        assert client.ask("/echo").headers["connection"] == "close"
        assert client.read_to_end() == b""
    assert stopped.get(timeout=DEADLINE) is True


def test_idle_connection_closes_when_nothing_comes_for_so_long(served, connect, quiet):
    quiet(SOON)
    client = connect()
    began = time.monotonic()
    stopped = leaving(served)
    assert client.read_to_end() == b""
    assert time.monotonic() - began >= SOON
    client.close()
    assert stopped.get(timeout=DEADLINE) is True


def test_request_in_the_socket_s_buffer_when_time_is_over_is_answered(served, connect, quiet):
    quiet(NEVER)
    client = connect()
    stopped = leaving(served)
    (stream,) = served.streams
    client.send(request("/echo", method="POST", body=b"just in time"))
    stream.protocol._end_idle()  # as the timer does, before the loop has looked
    assert client.answer().body == b"just in time"
    client.close()
    assert stopped.get(timeout=DEADLINE) is True


def test_request_in_the_buffer_when_a_kept_alive_connection_expires_is_answered(served, connect):
    client = connect()
    (stream,) = served.streams
    client.send(request("/echo", method="POST", body=b"just in time"))
    stream.protocol._end_idle()
    assert client.answer().body == b"just in time"
    assert client.ask("/echo").status == 200


def test_pipelined_requests_are_all_answered_and_the_last_closes(served, connect, site):
    client = connect()
    client.send(request("/slow") + request("/echo") + request("/echo"))
    assert site.entered.wait(DEADLINE)
    stopped = leaving(served)
    site.release.set()
    answers = [client.answer() for _ in range(3)]
    assert [answer.status for answer in answers] == [200] * 3
    assert [answer.headers.get("connection") for answer in answers] == [None, None, "close"]
    assert client.read_to_end() == b""
    client.close()
    assert stopped.get(timeout=DEADLINE) is True


@pytest.mark.parametrize("size", [10, 200_000], ids=["in the head", "in the body"])
def test_half_of_a_request_gets_its_other_half(served, connect, quiet, size):
    quiet(NEVER)
    client = connect()
    whole = request("/echo", method="POST", body=b"x" * size)
    middle = 20 if size == 10 else size // 2
    client.send(whole[:middle])
    (stream,) = served.streams
    eventually(lambda: stream.protocol._waits_for is not ParserState.IDLE)
    stopped = leaving(served)
    client.send(whole[middle:])
    answer = client.answer()
    assert (len(answer.body), answer.headers["connection"]) == (size, "close")
    client.close()
    assert stopped.get(timeout=DEADLINE) is True


def test_body_that_comes_slowly_has_more_than_the_quiet_time(served, connect, quiet):
    quiet(NEVER)
    client = connect()
    head = request("/echo", "Content-Length: 8", method="POST")
    client.send(head)
    stopped = leaving(served)
    (stream,) = served.streams
    first = stream.protocol._deadlines._quiet
    for _ in range(8):
        before = stream.protocol._deadlines._quiet
        client.send(b"x")
        eventually(lambda before=before: stream.protocol._deadlines._quiet > before)
    assert first < before  # each byte puts the end off
    assert client.answer().body == b"x" * 8
    client.close()
    assert stopped.get(timeout=DEADLINE) is True


@pytest.mark.parametrize("part", [b"GET /echo HT", request("/echo", "Content-Length: 8")])
def test_half_of_a_request_without_the_rest_is_answered_503(served, connect, quiet, part):
    quiet(SOON)
    client = connect()
    client.send(part)
    stopped = leaving(served)
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (503, "close")
    client.close()
    assert stopped.get(timeout=DEADLINE) is True


def test_who_goes_on_for_ever_has_the_server_s_time_and_no_more(served, connect, quiet):
    quiet(NEVER)
    idle, half = connect(), connect()
    half.send(b"GET /echo HT")
    stopped = gevent.spawn(served.server.stop, 0.5)
    assert idle.read_to_end() == b""
    assert half.answer().status == 503
    assert stopped.get(timeout=DEADLINE) is False


def test_client_that_leaves_is_not_waited_for(served, connect, quiet):
    quiet(NEVER)
    connect().close()
    stopped = leaving(served)
    assert stopped.get(timeout=DEADLINE) is True


def test_streamed_answer_that_said_keep_alive_is_not_cut(quiet):
    """Its client may have sent the next request: it was told that it may."""
    quiet(NEVER)
    begun, go_on = Event(), Event()

    def streamed(environ, start_response):
        start_response("200 OK", [("content-length", "6")])
        yield b"one"
        begun.set()
        go_on.wait()
        yield b"two"

    with serve(Endpoint(fallback=streamed)) as other, Client(other.address) as client:
        client.send(request("/stream"))
        assert begun.wait(DEADLINE)
        stopped = stopping(other)
        go_on.set()
        answer = client.answer()
        assert (answer.body, answer.headers.get("connection")) == (b"onetwo", None)
        begun.clear()
        client.send(request("/stream"))
        answer = client.answer()
        assert (answer.body, answer.headers["connection"]) == (b"onetwo", "close")
        assert client.read_to_end() == b""
    assert stopped.get(timeout=DEADLINE) is True
