"""Our sockets inside gevent's pywsgi with gevent-websocket's handler, asked over real sockets."""

from __future__ import annotations

import gc
import json
import logging
import socket as stdlib_socket
from contextlib import contextmanager
from pathlib import Path

import gevent
import pytest
from gevent import ssl
from gevent.event import Event
from gevent.pywsgi import WSGIHandler, WSGIServer
from geventwebsocket.handler import WebSocketHandler
from geventwebsocket.server import WebSocketServer

from actors import Endpoint, Error, Ok, Push, Reply, Socket, Stop
from actors.errors import HTTPError
from tests.support import certificate
from tests.support.longpoll import Poller
from tests.support.raw import (
    BINARY,
    CLOSE,
    KEY,
    PING,
    PONG,
    TEXT,
    Client,
    Frame,
    close_frame,
    frame,
    request,
    upgrade,
)
from tests.support.server import serve
from tests.support.waiting import eventually
from transports.http.connection import HTTPConnection
from transports.http.options import HTTPOptions
from transports.http.response import Response
from transports.http.shared import SMALL_BODY
from transports.http.writer import Writer
from transports.wsgi.application import pre_start_hook
from transports.wsgi.exchange import Exchange

DEADLINE = 20.0
SECRET = "a secret of the tests, thirty-two characters"
WS = "/echo/websocket"
LONGPOLL = "/echo/longpoll"


class Echo(Socket):
    """Echoes; some texts are commands."""

    ended = None

    @classmethod
    def connect(cls, info):
        return Ok(info.params)

    def handle_in(self, payload, opcode):
        if payload == "crash":
            raise ValueError
        if payload == "stop":
            return Stop()
        if payload == "name":
            return Reply(json.dumps(self.state))
        return Reply(payload, opcode=opcode)

    def handle_info(self, message):
        return Push(message)

    def terminate(self, reason):
        if type(self).ended is not None:
            type(self).ended.set()


def endpoint_with(options=None, **endpoint_options):
    endpoint = Endpoint(secret_key_base=(SECRET,), **endpoint_options)
    endpoint.socket("/echo", Echo, websocket=options or True, longpoll={"window": 0.2})
    endpoint.socket("/rooms/:room", Echo)
    return endpoint


def page(environ, start_response):
    """The application that was there before us."""
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"page"]


class Hosted:
    """A pywsgi server on a free port."""

    def __init__(
        self, application, handler_class=WebSocketHandler, server_class=WSGIServer, **rest
    ):
        self.log = []
        self.errors = []
        self.server = server_class(
            ("127.0.0.1", 0),
            application,
            handler_class=handler_class,
            log=None,
            error_log=None,
            **rest,
        )
        self.server.start()
        self.address = self.server.address


@contextmanager
def hosted(endpoint=None, application=page, wrap=None, **rest):
    adapter = (endpoint or endpoint_with()).wsgi(application)
    host = Hosted(wrap(adapter) if wrap else adapter, **rest)
    host.adapter = adapter
    try:
        yield host
    finally:
        host.server.stop()
        adapter.drain(0.5)


@contextmanager
def client_of(*arguments, **options):
    with hosted(*arguments, **options) as host, Client(host.address) as client:
        client.host = host
        yield client


@contextmanager
def connected(options=None, **endpoint_options):
    with client_of(endpoint_with(options, **endpoint_options)) as client:
        assert client.upgrade(WS).status == 101
        yield client


# -- the connection


def test_messages_of_both_kinds_are_echoed():
    with connected() as client:
        client.send(frame(TEXT, "text") + frame(BINARY, b"\x00\xff"))
        assert client.frame() == Frame(TEXT, b"text")
        assert client.frame() == Frame(BINARY, b"\x00\xff")
        client.send(frame(PING, b"ping"))
        assert client.frame() == Frame(PONG, b"ping")


def test_a_frame_glued_to_the_request_is_not_lost():
    with client_of() as client:
        client.send(upgrade(WS) + frame(TEXT, "glued"))
        assert client.answer().status == 101
        assert client.frame() == Frame(TEXT, b"glued")


def test_more_than_pywsgi_buffers_may_be_glued_to_the_request():
    text = "x" * 60_000
    with client_of() as client:
        client.send(upgrade(WS) + frame(TEXT, text) + frame(TEXT, "last")[:3])
        assert client.answer().status == 101
        assert client.frame().payload == text.encode()
        client.send(frame(TEXT, "last")[3:])
        assert client.frame() == Frame(TEXT, b"last")


def test_an_upgrade_may_follow_requests_on_the_same_connection():
    with client_of() as client:
        assert client.ask("/page").body == b"page"
        assert client.upgrade(WS).status == 101
        client.send(frame(TEXT, "x"))
        assert client.frame() == Frame(TEXT, b"x")


def test_an_open_connection_holds_no_greenlet():
    with connected() as client:
        client.send(frame(TEXT, "x"))
        client.frame()
        eventually(lambda: not [g for g in greenlets() if not g.dead])
        client.send(frame(TEXT, "y"))
        assert client.frame() == Frame(TEXT, b"y")


def greenlets():
    gc.collect()
    return [thing for thing in gc.get_objects() if isinstance(thing, gevent.Greenlet)]


def test_the_descriptor_is_closed_with_the_connection():
    with client_of() as client:
        client.ask("/page")
        before = descriptors()
        assert client.upgrade(WS).status == 101
        assert descriptors() == before
        client.close()
        eventually(lambda: descriptors() == before - 2)  # both ends of it
        assert not client.host.adapter.taken.streams


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_connect_learns_the_query_and_the_path():
    with client_of() as client:
        assert client.upgrade("/rooms/blue/websocket?user=ann").status == 101
        client.send(frame(TEXT, "name"))
        assert json.loads(client.frame().payload) == {"room": "blue", "user": "ann"}


def test_a_client_that_is_gone_ends_its_socket():
    Echo.ended = Event()
    try:
        with connected() as client:
            client.reset()
            assert Echo.ended.wait(DEADLINE)
    finally:
        Echo.ended = None


@pytest.mark.parametrize("handler_class", [WebSocketHandler, WSGIHandler])
def test_pywsgis_own_handler_serves_as_well(handler_class):
    with client_of(handler_class=handler_class) as client:
        assert client.upgrade(WS).status == 101
        client.send(frame(TEXT, "x"))
        assert client.frame() == Frame(TEXT, b"x")


def test_a_unix_socket_serves_as_well(tmp_path):
    path = str(tmp_path / "socket")
    listener = stdlib_socket.socket(stdlib_socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    listener.setblocking(False)
    adapter = endpoint_with().wsgi()
    server = WSGIServer(listener, adapter, handler_class=WebSocketHandler, log=None, error_log=None)
    server.start()
    client = Client.__new__(Client)
    client.sock = gevent.socket.socket(gevent.socket.AF_UNIX)
    client.sock.settimeout(DEADLINE)
    client.sock.connect(path)
    client._buffer = bytearray()
    with client:
        assert client.upgrade(WS).status == 101
        client.send(frame(TEXT, "x"))
        assert client.frame() == Frame(TEXT, b"x")
    server.stop()
    listener.close()


def test_under_tls_only_an_upgrade_is_refused(tmp_path):
    pem = certificate.make(tmp_path)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(str(pem), str(pem.with_suffix(".key")))
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # gevent's
    trust.load_verify_locations(str(pem))
    with hosted(ssl_context=own) as host, Client(host.address, tls=trust) as client:
        opened(client)
        answer = client.upgrade(WS)
        assert (answer.status, answer.body) == (
            501,
            b"WebSockets need TLS to end before this server",
        )


# -- the handshake: as our own server's, where gevent-websocket's is another

UPGRADES = {
    "good": upgrade(WS),
    "two connection headers": upgrade(WS, "Connection: x"),
    "no upgrade in connection": upgrade(WS, connection="notupgrade"),
    "no connection": upgrade(WS, connection=None),
    "other protocol": upgrade(WS, upgrade="h2c"),
    "no upgrade at all": request(WS),
    "version 8": upgrade(WS, sec_websocket_version="8"),
    "version 7": upgrade(WS, sec_websocket_version="7"),
    "no version": upgrade(WS, sec_websocket_version=None),
    "two versions": upgrade(WS, "Sec-WebSocket-Version: 13"),
    "no key": upgrade(WS, sec_websocket_key=None),
    "short key": upgrade(WS, sec_websocket_key="c2hvcnQ="),
    "key that is not base64": upgrade(WS, sec_websocket_key="*" * 22 + "=="),
    "two keys": upgrade(WS, f"Sec-WebSocket-Key: {KEY}"),
    "HTTP/1.0": upgrade(WS).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "POST": upgrade(WS).replace(b"GET", b"POST"),
    "with a length": upgrade(WS, "Content-Length: 5") + b"12345",
    "of another origin": upgrade(WS, "Origin: http://evil.example"),
    "of its own origin": upgrade(WS, "Origin: http://localhost"),
    "no subprotocol of ours": upgrade("/sub/websocket", "Sec-WebSocket-Protocol: c"),
    "a subprotocol of ours": upgrade("/sub/websocket", "Sec-WebSocket-Protocol: c, b"),
    "compressed": upgrade("/sub/websocket", "Sec-WebSocket-Extensions: permessage-deflate"),
    "that connect refuses": upgrade("/closed/websocket"),
    "that connect crashes on": upgrade("/closed/websocket?crash=1"),
}


class Refusing(Socket):
    @classmethod
    def connect(cls, info):
        if "crash" in info.params:
            raise ValueError
        return Error("no")


def table_endpoint():
    endpoint = endpoint_with()
    endpoint.socket("/sub", Echo, websocket={"subprotocols": ["a", "b"], "compress": True})
    endpoint.socket("/closed", Refusing)
    return endpoint


@pytest.mark.parametrize("name", UPGRADES)
def test_an_upgrade_is_answered_as_by_our_own_server(name, caplog):
    answers = []
    with (
        serve(table_endpoint()) as own,
        hosted(table_endpoint()) as host,
        Client(own.address) as direct,
        Client(host.address) as mounted,
    ):
        for client in (direct, mounted):
            client.send(UPGRADES[name])
            answer = client.answer()
            drop = {"date", "connection", "content-length"}
            kept = {k: v for k, v in answer.headers.items() if k not in drop}
            answers.append((answer.status, kept, answer.body))
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: a", "Host: b"],
        [],
        ["Host: a@b"],
        ["Host: a", "X: a\r\n folded"],
        ["Host: a", "X: a\x00b"],
        ["Host : a"],
        ["Host: a", "Content-Length: +5"],
        ["Host: a", "Content-Length: 5_0"],
        ["Host: a", "Content-Length: 5", "Content-Length: 6"],
        ["Host: a", "Transfer-Encoding: xchunked"],
        ["Host: a", "Transfer-Encoding: gzip, chunked"],
    ],
)
def test_what_pywsgi_takes_and_should_not_is_refused_on_our_paths(lines):
    ran = []

    def canary(environ, start_response):
        ran.append(environ["PATH_INFO"])
        return page(environ, start_response)

    with client_of(application=canary) as client:
        head = "\r\n".join([f"POST {LONGPOLL} HTTP/1.1", *lines, "", ""])
        client.send(head.encode("latin-1") + request("/canary"))
        data = client.read_to_end()
    assert data.startswith(b"HTTP/1.1 400 ")
    assert data.count(b"HTTP/1.1 ") == 1
    assert ran == []


@pytest.mark.parametrize(
    ("lines", "version"),
    [
        (["Transfer-Encoding: chunked", "Content-Length: 5"], "1.1"),
        (["Content-Length: 5", "Transfer-Encoding: chunked"], "1.1"),
        (["Content-Length: 0", "Transfer-Encoding: chunked"], "1.1"),
        (["Content-Length: 5", "Content-Length: 5", "Transfer-Encoding: chunked"], "1.1"),
        (["Transfer-Encoding: chunked"], "1.0"),
    ],
)
def test_body_of_which_two_servers_may_see_different_ends_is_400(lines, version):
    """By its coding it is over where the canary begins; by its length, perhaps not."""
    ran = []

    def canary(environ, start_response):
        ran.append(environ["PATH_INFO"])
        return page(environ, start_response)

    with client_of(application=canary) as client:
        asked = request(LONGPOLL, *lines, "Connection: keep-alive", method="POST", version=version)
        client.send(asked + b"0\r\n\r\n" + request("/canary"))
        data = client.read_to_end()
    assert data.startswith(b"HTTP/1.1 400 ")
    assert data.count(b"HTTP/1.1 ") == 1
    assert ran == []


# -- limits and close codes


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, "x", mask=None), 1002),
        (frame(3, b"x"), 1002),
        (frame(TEXT, "x", rsv=4), 1002),
        (frame(PING, b"x" * 126), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(BINARY, b"x" * 1001)[:8], 1009),
        (frame(TEXT, "crash"), 1011),
        (frame(TEXT, "stop"), 1000),
        (close_frame(1000), 1000),
        (close_frame(4321), 4321),
        (close_frame(1005), 1002),
    ],
)
def test_each_way_to_end_has_its_close_code(sent, code, caplog):
    with connected({"max_frame_size": 1000}) as client:
        client.send(sent)
        last = client.frame()
        assert (last.opcode, last.code) == (CLOSE, code)
        client.send(close_frame(code))
        assert client.read_to_end() == b""


@pytest.mark.parametrize(("size", "opcode"), [(999, BINARY), (1000, BINARY), (1001, CLOSE)])
def test_a_frame_is_bounded_as_the_mount_says(size, opcode):
    with connected({"max_frame_size": 1000}) as client:
        client.send(frame(BINARY, b"x" * size))
        assert client.frame().opcode == opcode


def test_the_idle_timeout_is_the_mounts():
    with connected({"timeout": 0.1}) as client:
        assert client.frame().code == 1001


def test_a_drain_tells_every_client_1012_and_then_refuses():
    with connected() as client, Client(client.host.address) as late:
        draining = gevent.spawn(client.host.adapter.drain, DEADLINE)
        last = client.frame()
        assert (last.opcode, last.code) == (CLOSE, 1012)
        answer = late.upgrade(WS)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        client.send(close_frame(1012))
        assert client.read_to_end() == b""
        assert draining.get(timeout=DEADLINE) is True


def test_a_session_asked_for_during_a_drain_is_503_without_a_body_and_closes():
    with connected() as client, Client(client.host.address) as late:
        draining = gevent.spawn(client.host.adapter.drain, DEADLINE)
        assert client.frame().code == 1012
        answer = late.ask(LONGPOLL)
        assert (answer.status, answer.body, answer.headers["connection"]) == (503, b"", "close")
        client.send(close_frame(1012))
        assert draining.get(timeout=DEADLINE) is True


def test_a_drain_cuts_off_who_does_not_go(caplog):
    with connected() as client:
        assert client.host.adapter.drain(0.05) is False
        assert client.frame().code == 1012
        assert client.read_to_end() == b""
    assert "cut off 1 connections" in caplog.text


@pytest.mark.parametrize("option", ["max_connections", "max_connections_per_address"])
def test_connections_are_bounded_as_the_endpoint_says(option):
    with hosted(endpoint_with(**{option: 2})) as host:
        clients = [Client(host.address) for _ in range(3)]
        statuses = [client.upgrade(WS).status for client in clients]
        assert statuses == [101, 101, 503]
        clients[0].close()
        eventually(lambda: len(host.adapter.taken.streams) == 1)
        with Client(host.address) as after:
            assert after.upgrade(WS).status == 101
        for client in clients:
            client.close()


# -- long polling


def opened(client):
    """Return a session that was opened over ``client``."""
    poller = Poller(None, LONGPOLL)
    assert poller.poll(on=client)["status"] == 410
    return poller


def test_a_session_is_opened_published_to_and_polled():
    with client_of() as client:
        poller = opened(client)
        assert poller.post("hello", on=client) == {"status": 200}
        answer = poller.poll(on=client)
        assert (answer["status"], answer["messages"]) == (200, ["hello"])


def test_a_poll_is_held_until_there_is_something(monkeypatch):
    with client_of() as client, Client(client.host.address) as other:
        poller = opened(client)
        poller.begin_poll(on=client)
        eventually(lambda: client.host.adapter.taken._exchanges)
        assert poller.post("news", on=other) == {"status": 200}
        assert poller.polled(on=client)["messages"] == ["news"]


def test_a_poll_with_nothing_ends_with_its_window():
    with client_of() as client:
        assert opened(client).poll(on=client)["status"] == 204


def test_a_drain_answers_a_held_poll():
    with client_of() as client:
        poller = opened(client)
        poller.begin_poll(on=client)
        eventually(lambda: client.host.adapter.taken._exchanges)
        assert client.host.adapter.drain(DEADLINE) is True
        assert poller.polled(on=client)["status"] == 204


def test_a_poll_whose_client_is_reset_is_let_go():
    with client_of() as client:
        opened(client).begin_poll(on=client)
        adapter = client.host.adapter
        eventually(lambda: adapter.taken._exchanges)
        client.reset()
        eventually(lambda: not adapter.taken._exchanges)


def test_a_greenlet_that_the_server_kills_tells_the_handler():
    lost, entered = Event(), Event()
    endpoint = endpoint_with()

    def held(request, http):
        http.on_lost(lost.set)
        entered.set()

    endpoint.page("/held", held)
    with client_of(endpoint, spawn=10) as client:
        client.send(request("/held"))
        assert entered.wait(DEADLINE)
        client.host.server.stop(timeout=0)
        assert lost.wait(DEADLINE)


@pytest.mark.parametrize("coding", ["length", "chunked"])
@pytest.mark.parametrize(("size", "status"), [(99, 200), (100, 200), (101, 413)])
def test_a_body_is_bounded_as_the_endpoint_says(coding, size, status):
    with client_of(endpoint_with(http=HTTPOptions(max_body=100))) as client:
        target = opened(client).target()
        if coding == "length":
            client.send(request(target, method="POST", body=b"x" * size))
        else:
            chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size)
            client.send(request(target, "Transfer-Encoding: chunked", method="POST") + chunk)
        answer = client.answer()
        assert answer.status == status
        assert (answer.headers.get("connection") == "close") is (status == 413)


@pytest.mark.parametrize("line", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_body_for_a_websocket_is_400_and_not_read(line):
    with client_of() as client:
        client.send(request(WS, line, method="POST"))
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (400, "close")
        assert b"must be absent" in answer.body
        assert client.read_to_end() == b""


@pytest.mark.parametrize("line", ["Content-Length: 900000", "Transfer-Encoding: chunked"])
def test_when_room_for_bodies_is_short_the_slow_one_goes_and_the_newcomer_is_served(line):
    chunk = b"" if "Length" in line else b"dbba0\r\n"
    with (
        client_of(endpoint_with(http=HTTPOptions(max_bodies=300_000))) as client,
        Client(client.host.address) as newcomer,
    ):
        bodies = client.host.adapter.shared.bodies
        client.send(request(LONGPOLL, line, method="POST") + chunk + b"x" * 4 * SMALL_BODY)
        eventually(lambda: bodies.total >= 4 * SMALL_BODY)
        opened(newcomer).post(b"y" * 2 * SMALL_BODY, on=newcomer)
        answer = client.answer()
        assert (answer.status, answer.body, answer.headers["retry-after"]) == (503, b"", "1")
        assert client.read_to_end() == b""
        assert bodies.total == 0


def test_a_body_that_does_not_come_is_408():
    with client_of(endpoint_with(http=HTTPOptions(body_timeout=0.05))) as client:
        client.send(request(LONGPOLL, "Content-Length: 5", method="POST") + b"1")
        assert client.answer().status == 408
        assert client.read_to_end() == b""


@pytest.mark.parametrize("rest", [b"x\r\n", b"5\r\nab", b"fffffffffffffffffffff\r\n"])
def test_a_body_that_is_malformed_or_cut_off_is_400(rest):
    with client_of() as client:
        client.send(request(LONGPOLL, "Transfer-Encoding: chunked", method="POST") + rest)
        client.end()
        assert client.answer().status == 400


def test_head_sends_no_body():
    endpoint = endpoint_with()
    endpoint.page("/own", lambda request, http: Response(200, b"text"))
    with client_of(endpoint) as client:
        answer = client.ask("/own", method="HEAD")
        assert answer.headers["content-length"] == "4"
        assert client.ask("/own").body == b"text"


@pytest.mark.parametrize(
    "response",
    [
        Response(200, b"", (("x", "a\r\nb: c"),)),
        Response(199),
        Response(204, b"a body where none may be"),
        Response(200, "text"),
    ],
    ids=["header", "status", "body", "type"],
)
def test_an_answer_that_cannot_be_sent_is_500(response, caplog):
    endpoint = endpoint_with()
    endpoint.page("/own", lambda request, http: response)
    with client_of(endpoint) as client:
        assert client.ask("/own").status == 500
    assert "the answer cannot be sent" in caplog.text


def test_a_page_that_raises_is_500_and_one_log_line(caplog):
    endpoint = endpoint_with()
    endpoint.page("/own", lambda request, http: 1 // 0)
    with client_of(endpoint) as client:
        answer = client.ask("/own")
        assert (answer.status, answer.headers["connection"]) == (500, "close")
    (record,) = caplog.records
    assert record.getMessage().startswith("GET /own: the handler failed: ZeroDivisionError: ")


def test_a_handler_may_write_its_answer_in_parts():
    endpoint = endpoint_with()

    def parts(request, http):
        writer = Writer(request, http)
        writer.begin(200, (), None)
        writer.write(b"one")
        writer.write(b"two")
        writer.finish()
        http.answered()

    endpoint.page("/parts", parts)
    with client_of(endpoint) as client:
        client.send(request("/parts"))
        data = client.read_to_end()
    assert b"\r\nconnection: close\r\n" in data
    assert data.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")


def test_a_handler_that_fails_while_it_writes_ends_the_connection(caplog):
    endpoint = endpoint_with()

    def parts(request, http):
        writer = Writer(request, http)
        writer.begin(200, (), None)
        writer.write(b"one")
        raise ValueError

    endpoint.page("/parts", parts)
    with client_of(endpoint) as client:
        client.send(request("/parts"))
        assert client.read_to_end().endswith(b"\r\n\r\n3\r\none\r\n")


def test_a_handler_that_fails_with_the_stream_in_its_hands_is_500(caplog):
    endpoint = endpoint_with()

    def failing(request, http):
        assert http.stream.queued == 0
        raise ValueError

    endpoint.page("/own", failing)
    with client_of(endpoint) as client:
        client.send(request("/own"))
        assert client.read_to_end().startswith(b"HTTP/1.1 500 ")


def test_a_request_that_the_server_ended_is_not_taken_over(caplog):
    entered, release, left = Event(), Event(), Event()
    refusals = []

    def slow(request, http):
        entered.set()
        release.wait(DEADLINE)
        try:
            http.stream.abort()
        except HTTPError as error:
            refusals.append(error.status)
        left.set()

    endpoint = endpoint_with()
    endpoint.page("/slow", slow)
    with client_of(endpoint, spawn=10) as client:
        client.send(request("/slow"))
        assert entered.wait(DEADLINE)
        client.host.server.stop(timeout=0)
        release.set()
        assert left.wait(DEADLINE)
    assert refusals == [503]


def test_a_client_that_is_reset_while_connect_runs_ends_its_socket(caplog):
    entered, release = Event(), Event()

    class Slow(Echo):
        ended = Event()

        @classmethod
        def connect(cls, info):
            entered.set()
            release.wait(DEADLINE)
            return Ok(None)

    endpoint = endpoint_with()
    endpoint.socket("/slow", Slow)
    with client_of(endpoint) as client:
        client.send(upgrade("/slow/websocket"))
        assert entered.wait(DEADLINE)
        client.reset()
        release.set()
        assert Slow.ended.wait(DEADLINE)
    assert caplog.records == []


def test_a_timeout_of_the_application_around_us_is_its_own():
    class Outer(gevent.Timeout):
        pass

    def wrap(adapter):
        def middleware(environ, start_response):
            try:
                with Outer(0.02):
                    return adapter(environ, start_response)
            except Outer:
                return page(environ, start_response)

        return middleware

    with client_of(wrap=wrap) as client:
        client.send(request(LONGPOLL, "Content-Length: 5", method="POST"))
        assert client.answer().body == b"page"


# -- beside others


def test_other_paths_are_the_applications():
    with client_of() as client:
        assert client.ask("/page").body == b"page"
        assert client.ask("/echo").body == b"page"


def test_the_fallback_of_the_endpoint_is_the_default():
    endpoint = endpoint_with(fallback=page)
    with client_of(endpoint, application=None) as client:
        assert client.ask("/page").body == b"page"


def test_without_an_application_other_paths_are_404():
    with client_of(application=None) as client:
        answer = client.ask("/page")
        assert (answer.status, answer.body) == (404, b'{"errors":{"detail":"Not Found"}}')


def test_sockets_of_other_paths_remain_gevent_websockets():
    def theirs(environ, start_response):
        ws = environ["wsgi.websocket"]
        ws.send(ws.receive())
        return []

    with client_of(application=theirs) as client:
        assert client.upgrade("/theirs").status == 101
        client.send(frame(TEXT, "x"))
        assert client.frame() == Frame(TEXT, b"x")


def test_middleware_may_stand_before_us():
    def wrap(adapter):
        def middleware(environ, start_response):
            prefix = "/echo"
            if environ["PATH_INFO"].startswith(prefix):
                environ["SCRIPT_NAME"] = prefix
                environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix(prefix)

            def started(status, headers):
                return start_response(status, [*headers, ("X-Middleware", "1")])

            return adapter(environ, started)

        return middleware

    with client_of(wrap=wrap) as client:
        opened(client)
        assert client.upgrade(WS).status == 101
        client.send(frame(TEXT, "x"))
        assert client.frame() == Frame(TEXT, b"x")


def test_gevent_websockets_own_server_needs_to_be_told(capsys):
    with client_of(server_class=WebSocketServer) as client:
        assert client.upgrade(WS).status == 101  # gevent-websocket's, before we were asked
        client.read_to_end()
    assert (
        "give its server pre_start_hook=transports.wsgi.pre_start_hook" in capsys.readouterr().err
    )


def test_gevent_websockets_own_server_serves_with_our_hook():
    rest = {"server_class": WebSocketServer, "pre_start_hook": pre_start_hook}
    with client_of(**rest) as client:
        assert client.upgrade(WS, sec_websocket_version="8").status == 400
        assert client.upgrade(WS).status == 101
        client.send(frame(TEXT, "x"))
        assert client.frame() == Frame(TEXT, b"x")


def environ_of(path, **extra):
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "HTTP_HOST": "localhost",
        **extra,
    }


class Started:
    def __call__(self, status, headers):
        self.status = status
        self.headers = dict(headers)


def test_a_server_without_gevent_is_refused():
    with pytest.raises(RuntimeError, match="need a server on gevent"):
        endpoint_with().wsgi()(environ_of(LONGPOLL), Started())


def test_another_gevent_server_can_poll_and_not_upgrade():
    adapter, started = endpoint_with().wsgi(), Started()
    body = gevent.spawn(adapter, environ_of(LONGPOLL), started).get(timeout=DEADLINE)
    assert started.status == "200 OK"
    assert json.loads(b"".join(body))["status"] == 410
    headers = {
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_UPGRADE": "websocket",
        "HTTP_SEC_WEBSOCKET_KEY": KEY,
        "HTTP_SEC_WEBSOCKET_VERSION": "13",
    }
    body = gevent.spawn(adapter, environ_of(WS, **headers), started).get(timeout=DEADLINE)
    assert started.status == "501 Not Implemented"
    assert b"need gevent's pywsgi" in b"".join(body)
    assert "connection" not in started.headers  # that is the server's to say


def test_an_exchange_offers_what_a_handler_may_use():
    servers = {"connection_lost", "data_received", "eof_received"}
    servers |= {"drain", "end_now", "refuse_body", "on_turn", "on_blocked", "on_stuck"}
    servers |= {"announce_end", "keep_until", "kind"}
    wanted = {name for name in dir(HTTPConnection) if not name.startswith("_")} - servers
    assert wanted <= set(dir(Exchange))


def test_log_of_the_server_says_101(caplog):
    caplog.set_level(logging.INFO)
    lines = []

    class Handler(WSGIHandler):
        def log_request(self):
            lines.append(self.format_request())

    with client_of(handler_class=Handler) as client:
        assert client.upgrade(WS).status == 101
        eventually(lambda: lines)
    assert f'"GET {WS} HTTP/1.1" 101' in lines[0]
