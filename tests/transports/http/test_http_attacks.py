"""Hostile clients over real connections: each gets the outcome it should, the rest is served on."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator

import pytest

from actors import Endpoint, Socket
from tests.support.raw import Answer, Client, request, upgrade
from tests.support.server import Served, serve
from tests.support.site import Site
from tests.transports.http.parsing import POST
from transports.http.response import Response

CANARY = request("/canary")


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def served(site: Site) -> Iterator[Served]:
    with serve(site.endpoint) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address) as client:
        yield client


def refused_and_closed(client: Client, data: bytes) -> Answer:
    """Send ``data``; return the only answer to it, after which the connection ends."""
    client.send(data)
    answer = client.answer()
    assert answer.headers["connection"] == "close"
    assert client.read_to_end() == b""
    return answer


def drip(client: Client, data: bytes, every: float) -> bytes:
    """Send a byte each ``every`` seconds until the server closes; return what it said."""
    said = b""
    client.sock.settimeout(every)
    for byte in data:
        try:
            client.send(bytes([byte]))
            while chunk := client.sock.recv(65536):
                said += chunk
            return said
        except TimeoutError:
            continue
        except ConnectionError:
            return said
    raise AssertionError(f"the server took all {len(data)} bytes")


# -- slow clients


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHost: a\r\nX: "])
def test_head_that_drips_in_is_408_at_the_deadline_of_the_whole(start: bytes) -> None:
    with serve(Site(header_timeout=0.3).endpoint) as served, Client(served.address) as client:
        began = time.monotonic()
        client.send(start or b"G")
        said = drip(client, b"a" * 100, every=0.03)
        took = time.monotonic() - began
    assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
    assert 0.3 <= took < 1.0


def test_body_that_drips_in_is_408_at_the_deadline_of_the_whole() -> None:
    site = Site(body_timeout=0.3)
    with serve(site.endpoint) as served, Client(served.address) as client:
        client.send(POST.replace(b"/", b"/echo", 1) + b"Content-Length: 100\r\n\r\n")
        began = time.monotonic()
        said = drip(client, b"a" * 99, every=0.03)
        took = time.monotonic() - began
    assert said.startswith(b"HTTP/1.1 408 ")
    assert 0.28 <= took < 4.5
    assert site.seen == []


def test_chunks_that_drip_in_are_408_too() -> None:
    with serve(Site(body_timeout=0.3).endpoint) as served, Client(served.address) as client:
        client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        assert drip(client, b"1\r\na\r\n" * 20, every=0.03).startswith(b"HTTP/1.1 408 ")


def test_connection_that_says_nothing_is_closed_without_a_word() -> None:
    with serve(Site(keepalive_timeout=0.2).endpoint) as served, Client(served.address) as client:
        began = time.monotonic()
        assert client.read_to_end() == b""
        assert 0.19 <= time.monotonic() - began < 30.0


def test_connection_that_rests_too_long_is_closed_and_one_that_does_not_is_kept() -> None:
    site = Site(keepalive_timeout=0.3, header_timeout=0.2)
    with serve(site.endpoint) as served, Client(served.address) as client:
        client.sock.settimeout(0.1)
        for _ in range(6):
            assert client.ask("/echo").status == 200
            with pytest.raises(TimeoutError):
                client.read(1)
        client.sock.settimeout(5)
        assert client.read_to_end() == b""
    assert len(site.seen) == 6


def test_handler_may_take_longer_than_any_deadline_of_the_client() -> None:
    site = Site(keepalive_timeout=0.05, header_timeout=0.05, body_timeout=0.05)
    with serve(site.endpoint) as served, Client(served.address) as client:
        client.send(request("/slow", method="POST", body=b"x"))
        client.sock.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.read(1)
        site.release.set()
        assert client.answer().body == b"slow"


# -- size


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request("/" + "a" * 8000), 414),
        (request("/echo", "X: " + "a" * 8192), 431),
        (request("/echo", *["X: 1"] * 100), 431),
        (request("/echo", *["X: " + "a" * 8000] * 5), 431),
        (request("/echo", "Content-Length: 8000001", method="POST"), 413),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n7a1201\r\n", 413),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1;" + b"a" * 262_144, 413),
    ],
)
def test_request_over_a_limit_is_refused(
    client: Client, site: Site, data: bytes, status: int
) -> None:
    client.send(data + CANARY)
    assert client.answer().status == status
    client.read_to_end()
    assert site.seen == []


def test_requests_at_the_limits_are_served(client: Client) -> None:
    line = "a" * (8000 - len("GET /?a=a HTTP/1.1"))
    assert client.ask(f"/?a=a{line}").status == 200
    assert client.ask("/echo", *["X: 1"] * 99).status == 200
    assert client.ask("/echo", "X: " + "a" * 8189).status == 200


# -- smuggling


@pytest.mark.parametrize(
    "data",
    [
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        POST + b"Content-Length: 0\r\nContent-Length: 41\r\n\r\n",
        POST + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
        POST + b"Content-Length: 0, 41\r\n\r\n",
        POST + b"Content-Length: +0\r\n\r\n",
        POST + b"Content-Length: 0_0\r\n\r\n",
        POST + b"Content-Length: 0x0\r\n\r\n",
        POST + b"Content-Length : 0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0;\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0;a\nb\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\n\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n 0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nbad trailer\r\n\r\n",
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\nHost: a\n\n",
        b"GET / HTTP/1.1\r\nHost: a\n\r\n",
        b"GET / HTTP/1.1\rHost: a\r\r",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\rGET /canary HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
        b"GET / HTTP/1.9\r\nHost: a\r\n\r\n",
        b"GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_ambiguous_request_is_400_and_nothing_behind_it_runs(
    client: Client, site: Site, data: bytes
) -> None:
    assert refused_and_closed(client, data + CANARY).status == 400
    assert site.canaries == 0


def test_body_is_never_taken_for_a_request(client: Client, site: Site) -> None:
    client.send(request("/echo", method="POST", body=CANARY))
    assert client.answer().body == CANARY
    client.send(POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(CANARY), CANARY))
    client.send(b"0\r\nX: 1\r\n\r\n")
    assert client.answer().body == CANARY
    assert client.ask("/echo").status == 200
    assert site.canaries == 0


# -- 100-continue


def test_client_that_asks_first_is_told_to_go_on(client: Client) -> None:
    head = request("/echo", "Expect: 100-continue", "Content-Length: 2", method="POST")
    client.send(head)
    assert client.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"hi")
    assert client.answer().body == b"hi"
    client.send(head + b"ho")
    assert client.answer().body == b"ho"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (request("/nowhere", "Expect: 100-continue", "Content-Length: 41", method="POST"), 404),
        (request("/echo", "Expect: 100-continue", "Content-Length: 41", method="DELETE"), 417),
        (request("/echo", "Expect: 200-ok", "Content-Length: 41", method="POST"), 417),
        (request("/", "Expect: 100-continue", "Content-Length: 9000000", method="POST"), 413),
    ],
)
def test_body_that_is_not_welcome_is_never_taken_for_a_request(
    client: Client, site: Site, head: bytes, status: int
) -> None:
    client.send(head)
    answer = client.answer()
    assert (answer.status, answer.headers["connection"]) == (status, "close")
    client.send(CANARY)
    assert client.read_to_end() == b""
    assert site.seen == []


# -- what goes out


@pytest.mark.parametrize(
    "value", ["a\r\nx-evil: 1", "a\nx-evil: 1", "a\rx-evil: 1", "\0", "\u2028"]
)
def test_header_that_would_split_the_answer_is_500_and_not_sent(
    site: Site, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    site.endpoint.pages["/bad"] = lambda asked, http: Response(200, b"b", (("x-a", value),))
    with serve(site.endpoint) as served, Client(served.address) as client:
        client.send(request("/bad") + CANARY)
        said = client.read_to_end()
    assert said.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"x-a" not in said
    assert b"evil" not in said
    assert site.canaries == 0
    (record,) = caplog.records
    assert "'x-a' holds what a header cannot" in record.getMessage()


@pytest.mark.parametrize("value", [b"x\x85y", b"\xff\x80", b"a\tb", b'"quoted"', b"a, b"])
def test_value_that_a_client_may_send_can_be_sent_back(site: Site, value: bytes) -> None:
    def reflect(asked: object, http: object) -> Response:
        name = "access-control-request-headers"
        return Response(200, b"", (("access-control-allow-headers", asked.header(name)),))

    site.endpoint.pages["/reflect"] = reflect
    with serve(site.endpoint) as served, Client(served.address) as client:
        client.send(
            b"GET /reflect HTTP/1.1\r\nHost: a\r\nAccess-Control-Request-Headers: "
            + value
            + b"\r\n\r\n"
        )
        answer = client.answer()
    assert answer.headers["access-control-allow-headers"].encode("latin-1") == value


# -- other protocols, and noise


GARBAGE = {
    "tls hello": b"\x16\x03\x01\x00\xf4\x01\x00\x00\xf0\x03\x03" + bytes(range(200)),
    "http/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0",
    "socks 5": b"\x05\x01\x00",
    "socks 4": b"\x04\x01\x00\x50\x7f\x00\x00\x01\x00",
    "64 kib": random.Random(6).randbytes(65_536),
    "printable": b"a" * 65_536,
    "no version": b"GET /\r\n\r\n",
    "http/0.9": b"GET / HTTP/0.9\r\n\r\n",
    "bare newlines": b"\n" * 100,
    "blank lines": b"\r\n" * 100,
    "smtp": b"EHLO a\r\n",
    "redis": b"*1\r\n$4\r\nPING\r\n",
    "log injection": b"GET /\x1b[31m\r\n2026-01-01 CRITICAL\r\n\r\n",
}


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_other_protocol_is_refused_at_once_with_at_most_one_line_in_the_log(
    served: Served, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="roost")
    began = time.monotonic()
    with Client(served.address) as client:
        client.send(data)
        said = client.read_to_end()
    assert time.monotonic() - began < 4.5
    assert said[:13] in {b"HTTP/1.1 400 ", b"HTTP/1.1 414 "}
    (record,) = caplog.records
    assert len(record.getMessage()) <= 200
    with Client(served.address) as other:
        assert other.ask("/echo").status == 200


# -- whose server this is


@pytest.mark.parametrize(
    "host",
    [
        "Host:",
        "Host: a\r\nHost: a",
        "Host: a@b",
        "Host: [::1",
        "Host: a:99999",
        "Host: a b",
        "X: 1",
    ],
)
def test_host_that_is_not_one_name_is_400(client: Client, host: str) -> None:
    assert refused_and_closed(client, request("/echo", host, host=None)).status == 400


@pytest.mark.parametrize(
    "target", ["http://b/echo", "https://localhost/echo", "http://localhost:1/"]
)
def test_absolute_target_of_another_server_is_400(client: Client, target: str) -> None:
    assert refused_and_closed(client, request(target)).status == 400


def test_absolute_target_of_this_server_is_served(client: Client) -> None:
    assert client.ask("http://localhost/echo").status == 200


def test_scheme_is_that_of_the_transport_whatever_the_client_says(
    client: Client, site: Site
) -> None:
    client.ask("/echo", "X-Forwarded-Proto: https", "Forwarded: proto=https", "X-Scheme: https")
    assert site.seen[0].scheme == "http"
    assert site.seen[0].peer == client.sock.getsockname()


@pytest.mark.parametrize(
    ("host", "status"),
    [("app.example", 101), ("APP.example:81", 101), ("evil.example", 403), ("127.0.0.1", 403)],
)
def test_only_allowed_hosts_may_connect_where_they_are_named(host: str, status: int) -> None:
    endpoint = Endpoint()
    endpoint.socket("/s", Socket, websocket={"allowed_hosts": ["app.example"]})
    with serve(endpoint) as served, Client(served.address) as client:
        client.send(
            upgrade("/s/websocket").replace(b"Host: localhost", b"Host: %b" % host.encode())
        )
        assert client.answer().status == status
