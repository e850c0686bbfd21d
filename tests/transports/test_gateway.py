"""A WSGI application behind our server, asked over real sockets."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from wsgiref.validate import validator

import gevent
import pytest
from gevent import socket
from gevent.event import Event

from actors import Endpoint, Reply, Socket
from actors.errors import ConfigError
from actors.runtime import get_dispatcher
from tests.support.raw import Client, request
from tests.support.server import serve
from transports.http.options import HTTPOptions
from transports.http.request import Request
from transports.http.shared import Shared
from transports.http.writer import WRITE_AHEAD, ClientGone, Writer
from transports.tcp.protocol import StreamProtocol
from transports.tcp.stream import Stream

DEADLINE = 20.0
PLAIN = [("Content-Type", "text/plain")]


class Echo(Socket):
    def handle_in(self, payload, opcode):
        return Reply(payload, opcode=opcode)


@contextmanager
def client_of(application, **options):
    endpoint = Endpoint(fallback=application, **options)
    endpoint.socket("/echo", Echo)
    with serve(endpoint) as served, Client(served.address) as client:
        client.served = served
        yield client


def answering(*blocks, status="200 OK", headers=PLAIN):
    """Return an application that answers with a generator of ``blocks``."""

    def application(environ, start_response):
        start_response(status, list(headers))
        yield from blocks

    return application


def whole(body=b"", status="200 OK", headers=PLAIN):
    """Return an application that answers with a list."""

    def application(environ, start_response):
        start_response(status, list(headers))
        return [body]

    return application


class Recorder:
    """An application that keeps each environment and the body that it read."""

    def __init__(self):
        self.environs = []
        self.bodies = []

    def __call__(self, environ, start_response):
        self.environs.append(environ)
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [*PLAIN, ("Content-Length", "2")])
        return [b"ok"]


def unchunked(data):
    """Return the body and what is behind it."""
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body, data = body + data[:length], data[length:]
        assert data.startswith(b"\r\n")
        data = data[2:]
        if not length:
            return body, data


def read_head(client):
    lines = client.read_until(b"\r\n\r\n").decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:-2])
    return int(lines[0].split(" ")[1]), headers


# -- routes


def test_a_path_that_no_mount_takes_is_answered_by_the_application():
    with client_of(whole(b"page")) as client:
        answer = client.ask("/page")
        assert (answer.status, answer.body) == (200, b"page")


def test_a_mount_is_served_beside_the_application():
    with client_of(whole(b"page")) as client:
        assert client.upgrade("/echo/websocket").status == 101


def test_without_an_application_an_unknown_path_is_404():
    with client_of(None) as client:
        assert client.ask("/page").status == 404


def test_a_fallback_that_cannot_be_called_is_refused_at_start():
    with pytest.raises(ConfigError, match="fallback='app': must be a function, or None"):
        Endpoint(fallback="app")


def test_a_body_over_the_limit_never_reaches_the_application():
    application = Recorder()
    with client_of(application, http=HTTPOptions(max_body=10)) as client:
        assert client.ask("/x", method="POST", body=b"1" * 9).status == 200
        assert client.ask("/x", method="POST", body=b"1" * 10).status == 200
        assert client.ask("/x", method="POST", body=b"1" * 11).status == 413
    assert [len(body) for body in application.bodies] == [9, 10]


# -- the environment


def test_the_environment_and_our_use_of_the_answer_satisfy_the_validator():
    def reading(environ, start_response):
        assert environ["wsgi.input"].read(100) == b"text"  # the validator wants a size
        start_response("200 OK", [*PLAIN, ("Content-Length", "2")])
        return [b"ok"]

    with client_of(validator(reading)) as client:
        asked = client.ask("/a?b=c", "Content-Type: text/plain", method="POST", body=b"text")
        assert (asked.status, asked.body) == (200, b"ok")


@pytest.mark.parametrize("blocks", [(), (b"",), (b"a",), (b"", b"a", b"", b"b")])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_validator_accepts_how_parts_are_consumed(blocks, method, capsys):
    with client_of(validator(answering(*blocks))) as client:
        client.send(request("/", "Connection: close", method=method))
        data = client.read_to_end()
        assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert capsys.readouterr().err == ""  # it writes there about an iterator that was not closed


def test_environment_says_what_was_asked():
    application = Recorder()
    with client_of(application) as client:
        client.ask("/caf%C3%A9/%41?q=%20&r", "X-Custom: a", "Accept: b", host="example.com:81")
        environ = application.environs[0]
        local = client.sock.getsockname()
        remote = client.served.address
    expected = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9/A",
        "QUERY_STRING": "q=%20&r",
        "REQUEST_URI": "/caf%C3%A9/%41?q=%20&r",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": str(remote[1]),
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": str(local[1]),
        "HTTP_HOST": "example.com:81",
        "HTTP_X_CUSTOM": "a",
        "HTTP_ACCEPT": "b",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
    assert {name: environ[name] for name in expected} == expected
    assert type(environ) is dict
    assert environ["wsgi.errors"] is sys.stderr
    assert set(environ) == {*expected, "wsgi.input", "wsgi.errors", "wsgi.file_wrapper"}


def test_content_type_and_length_have_no_prefix():
    application = Recorder()
    with client_of(application) as client:
        client.ask("/", "Content-Type: text/x", method="POST", body=b"12345")
    environ = application.environs[0]
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("text/x", "5")
    assert not {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"} & set(environ)
    assert application.bodies == [b"12345"]


def test_a_chunked_body_is_whole_and_has_its_length():
    application = Recorder()
    with client_of(application) as client:
        client.send(
            request("/", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n0\r\n\r\n"
        )
        assert client.answer().status == 200
    environ = application.environs[0]
    assert (environ["CONTENT_LENGTH"], application.bodies) == ("3", [b"abc"])
    assert "HTTP_TRANSFER_ENCODING" not in environ


def test_repeated_headers_are_joined_and_underscores_left_out():
    application = Recorder()
    with client_of(application) as client:
        client.ask("/", "Via: a", "Via: b", "Cookie: c=1", "Cookie: d=2", "X_Forged: 1", "X-A: 2")
    environ = application.environs[0]
    assert (environ["HTTP_VIA"], environ["HTTP_COOKIE"]) == ("a,b", "c=1; d=2")
    assert "HTTP_X_FORGED" not in environ
    assert environ["HTTP_X_A"] == "2"


def test_the_body_can_be_read_by_line():
    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        return list(reversed(list(environ["wsgi.input"])))

    with client_of(application) as client:
        assert client.ask("/", method="POST", body=b"a\nb\nc").body == b"cb\na\n"


# -- whole answers


def test_a_list_is_sent_with_its_length_and_the_headers_in_order():
    def application(environ, start_response):
        start_response("201 Made", [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Y", "z")])
        return [b"a", b"", b"b"]

    with client_of(application) as client:
        client.send(request("/", "Connection: close"))
        head, _, body = client.read_to_end().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[:5] == [
        "HTTP/1.1 201 Created", "Set-Cookie: a=1", "Set-Cookie: b=2", "X-Y: z", "content-length: 2",
    ]  # fmt: skip
    assert body == b"ab"


def test_the_connection_lives_on_for_further_requests():
    with client_of(whole(b"x")) as client:
        assert [client.ask("/").body for _ in range(3)] == [b"x"] * 3


@pytest.mark.parametrize("made", [whole, answering], ids=["list", "parts"])
def test_head_says_the_length_and_sends_no_body(made):
    application = made(b"12345", headers=[*PLAIN, ("Content-Length", "5")])
    with client_of(application) as client:
        answer = client.ask("/", method="HEAD")
        assert (answer.status, answer.headers["content-length"]) == (200, "5")
        assert client.ask("/").body == b"12345"  # nothing of a body was in the way


def test_head_without_a_body_keeps_the_length_that_the_application_says():
    application = whole(b"", headers=[*PLAIN, ("Content-Length", "5000")])
    with client_of(application) as client:
        assert client.ask("/", method="HEAD").headers["content-length"] == "5000"


def test_head_of_a_list_has_the_length_of_its_body():
    with client_of(whole(b"123")) as client:
        assert client.ask("/", method="HEAD").headers["content-length"] == "3"


def test_head_ends_an_application_that_never_would():
    closed = Event()

    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        try:
            while True:
                yield b"more"
        finally:
            closed.set()

    with client_of(application) as client:
        assert client.ask("/", method="HEAD").status == 200
        assert closed.wait(DEADLINE)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("made", [whole, answering], ids=["list", "parts"])
def test_a_status_without_body_has_no_length_either(status, made):
    with client_of(made(status=status, headers=[("Content-Length", "0")])) as client:
        answer = client.ask("/")
        assert answer.status == int(status[:3])
        assert not {"content-length", "transfer-encoding"} & set(answer.headers)
        assert client.ask("/").status == int(status[:3])


def test_the_date_is_ours_alone():
    headers = [*PLAIN, ("Date", "Thu, 01 Jan 1970 00:00:00 GMT")]
    with client_of(whole(b"x", headers=headers)) as client:
        client.send(request("/", "Connection: close"))
        data = client.read_to_end()
    assert data.lower().count(b"\r\ndate: ") == 1
    assert b"1970" not in data


# -- answers in parts


def test_parts_are_chunked_and_leave_as_they_come():
    release = Event()

    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        yield b"first"
        release.wait(DEADLINE)
        yield b"second"

    with client_of(application) as client:
        client.send(request("/"))
        status, headers = read_head(client)
        assert (status, headers["transfer-encoding"]) == (200, "chunked")
        assert "content-length" not in headers
        assert client.read(10) == b"5\r\nfirst\r\n"
        release.set()
        assert client.read(16) == b"6\r\nsecond\r\n0\r\n\r\n"


def test_a_pipelined_request_is_served_behind_the_parts():
    with client_of(answering(b"one", b"two")) as client:
        client.send(request("/") + request("/", "Connection: close"))
        _, _, rest = client.read_to_end().partition(b"\r\n\r\n")
        body, rest = unchunked(rest)
        assert body == b"onetwo"
        assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
        assert unchunked(rest.partition(b"\r\n\r\n")[2]) == (b"onetwo", b"")


def test_parts_with_a_length_are_sent_plain():
    with client_of(answering(b"a", b"bc", headers=[("Content-Length", "3")])) as client:
        answer = client.ask("/")
        assert (answer.body, "transfer-encoding" in answer.headers) == (b"abc", False)
        assert client.ask("/").body == b"abc"


def test_http_1_0_gets_parts_until_the_connection_closes():
    with client_of(answering(b"a", b"b")) as client:
        client.send(request("/", version="1.0"))
        head, _, body = client.read_to_end().partition(b"\r\n\r\n")
        assert body == b"ab"
        assert b"connection: close" in head
        assert b"chunked" not in head


def test_write_sends_before_what_is_returned():
    def application(environ, start_response):
        write = start_response("200 OK", PLAIN)
        write(b"")
        write(b"written")
        return [b", returned"]

    with client_of(application) as client:
        client.send(request("/", "Connection: close"))
        assert unchunked(client.read_to_end().partition(b"\r\n\r\n")[2])[0] == b"written, returned"


def test_a_slow_application_holds_up_nobody_else():
    entered, release = Event(), Event()

    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/slow":
            entered.set()
            release.wait(DEADLINE)
        return [environ["PATH_INFO"].encode()]

    with client_of(application) as slow, Client(slow.served.address) as fast:
        slow.send(request("/slow"))
        assert entered.wait(DEADLINE)
        assert fast.ask("/fast").body == b"/fast"
        release.set()
        assert slow.answer().body == b"/slow"


def test_an_application_waits_for_a_client_that_does_not_read():
    size, sent = 8 * 1024 * 1024, []

    def application(environ, start_response):
        start_response("200 OK", [("Content-Length", str(size))])
        for _ in range(size // 65536):
            sent.append(65536)
            yield b"x" * 65536

    with client_of(application) as client:
        client.send(request("/"))
        status, _ = read_head(client)
        assert status == 200
        (stream,) = client.served.streams
        with gevent.Timeout(DEADLINE):
            while stream.on_drained is None:
                gevent.idle()
        assert stream.queued > WRITE_AHEAD
        assert len(sent) < size // 65536
        # What comes while it waits must not make it miss that it may go on.
        client.send(request("/", "Connection: close"))
        assert client.read(size) == b"x" * size
        assert client.answer().body == b"x" * size


def test_an_application_whose_client_is_gone_is_closed_without_a_word(caplog):
    closed = Event()

    class Endless:
        def __iter__(self):
            return self

        def __next__(self):
            gevent.sleep(0)
            return b"x" * 65536

        def close(self):
            closed.set()

    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        return Endless()

    with client_of(application) as client:
        client.send(request("/"))
        read_head(client)
        client.reset()
        assert closed.wait(DEADLINE)
    assert caplog.records == []


# -- what goes wrong


def failing(environ, start_response):
    raise ValueError("the application's own")


def failing_late(environ, start_response):
    start_response("200 OK", PLAIN)
    yield b""
    raise ValueError("the application's own")


@pytest.mark.parametrize("application", [failing, failing_late])
def test_an_application_that_raises_is_a_500_and_one_log_line(application, caplog):
    with client_of(application) as client:
        client.send(request("/path"))
        data = client.read_to_end()
    assert data.startswith(b"HTTP/1.1 500 ")
    assert b"connection: close" in data
    assert b"own" not in data
    (record,) = caplog.records
    assert record.getMessage().startswith("GET /path: the handler failed: ValueError: the applic")
    assert record.getMessage().endswith(f" in {application.__name__}")


def test_what_is_raised_after_a_part_cuts_the_answer_off(caplog):
    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        yield b"part"
        raise ValueError("late")

    with client_of(application) as client:
        client.send(request("/") + request("/never"))
        data = client.read_to_end()
    assert data.endswith(b"4\r\npart\r\n")  # no last chunk, no second answer
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        ("200", "not a list"),
        ("200 OK", [("X-A", 1)]),
        ("200 OK", [(b"X-A", "1")]),
        ("200 OK", [("X-A", "a\r\nX-B: b")]),
        ("200 OK", [("X A", "a")]),
        ("200 OK", [("X-A", "\u20ac")]),
        ("200 OK", [("Connection", "keep-alive")]),
        ("200 OK", [("Transfer-Encoding", "chunked")]),
        ("200 OK", [("Content-Length", "+5")]),
        ("200 OK", [("Content-Length", "2"), ("content-length", "2")]),
        ("101 Switching Protocols", []),
        ("600 No", []),
        ("OK", []),
        ("200OK", []),
        (200, []),
        (b"200 OK", []),
    ],
)
def test_a_head_that_cannot_be_sent_raises_in_the_application(status, headers, caplog):
    raised = []

    def application(environ, start_response):
        try:
            start_response(status, headers)
        except (TypeError, ValueError) as error:
            raised.append(error)
            raise
        return [b"ok"]

    with client_of(application) as client:
        client.send(request("/"))
        data = client.read_to_end()
    assert len(raised) == 1
    assert data.startswith(b"HTTP/1.1 500 ")
    assert b"X-B" not in data
    assert len(caplog.records) == 1


@pytest.mark.parametrize(
    ("made", "sent"),
    [
        (whole(b"abc", headers=[("Content-Length", "2")]), b"HTTP/1.1 500 "),
        (whole(b"abc", headers=[("Content-Length", "4")]), b"HTTP/1.1 500 "),
        (whole(b"x", status="204 No"), b"HTTP/1.1 500 "),
        (answering(b"x", status="204 No"), b"HTTP/1.1 500 "),
        (answering(b"abc", headers=[("Content-Length", "4")]), b"HTTP/1.1 200 "),
        (answering(headers=[("Content-Length", "4")]), b"HTTP/1.1 500 "),
        (answering("text"), b"HTTP/1.1 500 "),
        (answering(b"ok", "text"), b"HTTP/1.1 200 "),
        (whole("text"), b"HTTP/1.1 500 "),
    ],
)
def test_a_body_that_is_not_what_was_said_ends_the_connection(made, sent, caplog):
    with client_of(made) as client:
        client.send(request("/") + request("/never"))
        data = client.read_to_end()
    assert data.startswith(sent)
    assert data.count(b"HTTP/1.1 ") == 1
    assert len(caplog.records) == 1


def test_a_body_longer_than_its_length_is_never_sent_beyond_it():
    with client_of(answering(b"abc", b"def", headers=[("Content-Length", "4")])) as client:
        client.send(request("/"))
        assert client.read_to_end().partition(b"\r\n\r\n")[2] == b"abc"


def test_an_application_that_never_starts_its_answer_is_a_500(caplog):
    def listing(environ, start_response):
        return [b"x"]

    def generating(environ, start_response):
        yield b"x"

    def empty(environ, start_response):
        yield from ()

    for application in (listing, generating, empty):
        with client_of(application) as client:
            assert client.ask("/").status == 500
    assert len(caplog.records) == 3


def test_starting_twice_needs_exc_info(caplog):
    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        start_response("201 Created", PLAIN)
        return [b"x"]

    with client_of(application) as client:
        assert client.ask("/").status == 500


def test_exc_info_replaces_a_head_that_was_not_sent():
    def application(environ, start_response):
        start_response("200 OK", [("X-Old", "1")])
        try:
            int("one")
        except ValueError:
            start_response("503 Sorry", [("X-New", "1")], sys.exc_info())
        return [b"sorry"]

    with client_of(application) as client:
        answer = client.ask("/")
        assert (answer.status, answer.body) == (503, b"sorry")
        assert "x-new" in answer.headers
        assert "x-old" not in answer.headers


def test_exc_info_after_the_head_was_sent_is_raised(caplog):
    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        yield b"part"
        try:
            int("the first")
        except ValueError:
            start_response("503 Sorry", PLAIN, sys.exc_info())
        yield b"never"

    with client_of(application) as client:
        client.send(request("/"))
        assert client.read_to_end().endswith(b"4\r\npart\r\n")
    assert "the first" in str(caplog.records[0].exc_info[1])


@pytest.mark.parametrize("error", [SystemExit, gevent.GreenletExit, gevent.Timeout])
def test_what_is_no_exception_ends_that_request_alone(error, caplog):
    def application(environ, start_response):
        if environ["PATH_INFO"] == "/bad":
            raise error
        start_response("200 OK", PLAIN)
        return [b"good"]

    with client_of(application) as bad, Client(bad.served.address) as good:
        assert bad.ask("/bad").status == 500
        assert good.ask("/good").body == b"good"


class Closable:
    """An iterable that counts how often it is closed."""

    def __init__(self, blocks, fail=None):
        self.blocks = blocks
        self.fail = fail
        self.closed = 0

    def __iter__(self):
        yield from self.blocks
        if self.fail is not None:
            raise self.fail

    def close(self):
        self.closed += 1


@pytest.mark.parametrize("fail", [None, ValueError("late")])
@pytest.mark.parametrize("blocks", [[], [b"part"]])
def test_an_iterable_is_closed_once_whatever_happened(blocks, fail, caplog):
    result = Closable(blocks, fail)

    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        return result

    with client_of(application) as client:
        client.send(request("/", "Connection: close"))
        client.read_to_end()
    assert result.closed == 1


def test_a_close_that_raises_leaves_the_answer_whole(caplog):
    class Bad(Closable):
        def close(self):
            raise ValueError("closing")

    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        return Bad([b"all"])

    with client_of(application) as client:
        client.send(request("/"))
        data = client.read_to_end()
    assert data.endswith(b"3\r\nall\r\n0\r\n\r\n")
    assert len(caplog.records) == 1


def test_a_stop_of_the_server_waits_for_the_parts():
    entered, release = Event(), Event()

    def application(environ, start_response):
        start_response("200 OK", PLAIN)
        yield b"a"
        entered.set()
        release.wait(DEADLINE)
        yield b"b"

    endpoint = Endpoint(fallback=application)
    with serve(endpoint) as served, Client(served.address) as client:
        client.send(request("/"))
        assert entered.wait(DEADLINE)
        stopping = gevent.spawn(served.server.stop, DEADLINE)
        gevent.idle()
        release.set()
        assert unchunked(client.read_to_end().partition(b"\r\n\r\n")[2])[0] == b"ab"
        client.close()
        assert stopping.get(timeout=DEADLINE) is True


# -- the writer's own limit


class Pending(StreamProtocol):
    """The part of a connection that a writer uses, over a real stream."""

    closes = False

    def __init__(self, stream):
        self.stream = stream
        self.begun = False
        self.shared = Shared.of(HTTPOptions())
        self.lost = None

    def on_lost(self, callback):
        self.lost = callback

    def data_received(self, data):
        raise AssertionError(data)

    def eof_received(self):
        self.stream.abort()

    def connection_lost(self, error):
        if self.lost is not None:
            self.lost()


@pytest.fixture
def full():
    """A stream whose peer reads nothing, with some bytes in its backlog, and that peer."""
    near, far = socket.socketpair()
    raw = near._sock
    stream = Stream(raw, ("", 0), get_dispatcher())
    http = Pending(stream)
    stream.open(http)
    while not stream.queued:
        stream.write(b"x" * 4096)
    yield http, far
    stream.abort()
    far.close()


@pytest.mark.parametrize(("over", "waits"), [(-1, False), (0, False), (1, True)])
def test_a_writer_waits_above_its_limit(full, over, waits):
    http, peer = full
    writer = Writer(Request("GET", "/", "/", "", (), "1.0"), http)
    writer.begin(200, (), None)
    writer.write(b"a")
    size = WRITE_AHEAD - http.stream.queued + over
    writing = gevent.spawn(writer.write, b"x" * size)
    gevent.idle()
    assert http.stream.queued == WRITE_AHEAD + over
    assert writing.dead is not waits
    while not writing.dead:
        assert peer.recv(65536)
    writing.get()


def test_a_writer_that_waits_learns_that_the_client_is_gone(full):
    http, peer = full
    writer = Writer(Request("GET", "/", "/", "", (), "1.0"), http)
    writer.begin(200, (), None)
    writing = gevent.spawn(writer.write, b"x" * 2 * WRITE_AHEAD)
    gevent.idle()
    assert not writing.dead
    peer.close()
    with pytest.raises(ClientGone):
        writing.get(timeout=DEADLINE)


def test_the_log_of_a_failure_does_not_hold_the_query(caplog):
    caplog.set_level(logging.DEBUG)
    with client_of(failing) as client:
        client.ask("/path?token=secret")
    assert "/path" in caplog.text
    assert "secret" not in caplog.text
