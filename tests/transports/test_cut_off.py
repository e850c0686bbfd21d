"""Answers that break off: nobody may take what came for the whole."""

from __future__ import annotations

import _socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from gevent import socket
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from gevent.ssl import SSLContext, SSLEOFError
from geventwebsocket.handler import WebSocketHandler

from actors import Endpoint
from actors.endpoint.command.certificate import server_context
from actors.runtime import get_dispatcher
from tests.support import certificate
from tests.support.raw import DEADLINE, Client, request
from tests.support.server import serve
from transports.http.writer import Writer
from transports.tcp.protocol import StreamProtocol
from transports.tcp.stream import Stream

PLAIN = [("Content-Type", "text/plain")]


class Parts:
    """A WSGI application whose answer has a first part, then does what the test says."""

    def __init__(self, *, length: int | None = None) -> None:
        self.goes_on = Event()
        self.raises = True
        self.length = [] if length is None else [("Content-Length", str(length))]

    def __call__(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [*PLAIN, *self.length])
        yield b"first"
        assert self.goes_on.wait(DEADLINE)
        if self.raises:
            raise ValueError("boom")


def ending(client: Client) -> tuple[bytes, str]:
    """Return what came of the body, and how the connection ended."""
    data = b""
    while True:
        try:
            more = client.sock.recv(65536)
        except (ConnectionResetError, SSLEOFError):
            return data.partition(b"\r\n\r\n")[2], "reset"
        if not more:
            return data.partition(b"\r\n\r\n")[2], "end"
        data += more


@contextmanager
def asked(application: Parts, version: str, ours: Any = None, trust: Any = None) -> Iterator[Any]:
    """Ask for the answer, and go on when its first part is there."""
    endpoint = Endpoint(fallback=application)
    with serve(endpoint, tls=ours) as served, Client(served.address, tls=trust) as client:
        client.send(request("/", "Connection: close", version=version))
        client._buffer[:0] = client.read_until(b"first")
        yield client, served
        application.goes_on.set()


def rest_of(client: Client) -> tuple[bytes, str]:
    before = bytes(client._buffer).partition(b"\r\n\r\n")[2]
    data, how = ending(client)
    return before + data, how


def broken(application: Parts, version: str) -> tuple[bytes, str]:
    with asked(application, version) as (client, _):
        application.goes_on.set()
        return rest_of(client)


def test_body_that_only_the_connection_ends_is_reset_where_it_breaks_off() -> None:
    assert broken(Parts(), "1.0") == (b"first", "reset")


@pytest.mark.parametrize(("length", "version"), [(None, "1.1"), (100, "1.1"), (100, "1.0")])
def test_body_that_says_itself_where_it_ends_is_closed(length: int | None, version: str) -> None:
    body, how = broken(Parts(length=length), version)
    assert how == "end"
    assert body == (b"first" if length else b"5\r\nfirst\r\n")


def test_body_that_is_whole_ends_with_the_connection() -> None:
    application = Parts()
    application.raises = False
    assert broken(application, "1.0") == (b"first", "end")


@pytest.mark.parametrize(
    "end", [lambda stream: stream.abort(), lambda stream: stream.protocol.end_now()]
)
def test_body_that_the_server_cuts_off_is_reset(end: Callable[[Any], None]) -> None:
    with asked(Parts(), "1.0") as (client, served):
        (stream,) = served.streams
        end(stream)
        assert rest_of(client) == (b"first", "reset")


class Sink(StreamProtocol):
    """What a stream feeds that is only written to."""

    def data_received(self, data: bytes) -> None:
        raise AssertionError(data)

    def eof_received(self) -> None:
        """The peer has read all."""

    def connection_lost(self, error: Exception | None) -> None:
        """Nobody waits."""


@pytest.mark.parametrize(("read", "how"), [(False, "reset"), (True, "end")])
def test_body_that_is_written_but_not_sent_is_reset(read: bool, how: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        peer = socket.create_connection(listening.getsockname())
        near = _socket.socket(fileno=listening.accept()[0].detach())
        near.setblocking(False)
        stream = Stream(near, ("", 0), get_dispatcher())
        stream.open(Sink())
        stream.unfinished = True
        while not stream.queued:
            stream.write(b"x" * 65_536)
        stream.close()
        if not read:
            stream.abort()
        ended = "end"
        try:
            while peer.recv(65_536):
                pass
        except ConnectionResetError:
            ended = "reset"
        peer.close()
        stream.abort()
    assert ended == how


@pytest.fixture
def contexts(tmp_path: Any) -> tuple[Any, SSLContext]:
    pem = certificate.make(tmp_path)
    trust = SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trust.load_verify_locations(str(pem))
    return server_context(str(pem), str(pem.with_suffix(".key"))), trust


def test_within_tls_no_close_notify_is_sent(contexts: tuple[Any, SSLContext]) -> None:
    ours, trust = contexts
    application = Parts()
    with asked(application, "1.0", ours, trust) as (client, _):
        client.sock.suppress_ragged_eofs = False
        application.goes_on.set()
        assert rest_of(client) == (b"first", "reset")


def test_under_another_server_it_is_reset_as_well() -> None:
    def page(asked: Any, http: Any) -> None:
        writer = Writer(asked, http)
        writer.begin(200, (), None)
        writer.write(b"first")
        raise ValueError("boom")

    endpoint = Endpoint()
    endpoint.page("/page", page)
    server = WSGIServer(
        ("127.0.0.1", 0), endpoint.wsgi(), handler_class=WebSocketHandler, log=None, error_log=None
    )
    server.start()
    with Client(server.address) as client:
        client.send(request("/page", version="1.0"))
        assert ending(client) == (b"first", "reset")
        client.close()
        with Client(server.address) as other:
            other.send(request("/page"))
            assert ending(other) == (b"5\r\nfirst\r\n", "end")
    server.stop()
