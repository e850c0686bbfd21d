"""The PROXY protocol before TLS and HTTP, over real connections."""

from __future__ import annotations

import logging
from contextlib import ExitStack

import gevent
import pytest
from gevent.ssl import PROTOCOL_TLS_CLIENT, SSLContext

from actors.endpoint.command.certificate import server_context
from tests.support import certificate
from tests.support.listening import held, left_since, listening
from tests.support.raw import Client, request
from tests.support.server import serve
from tests.support.waiting import eventually
from tests.support.who import WEBSOCKET, by_longpoll, by_websocket, who
from tests.transports.test_proxy_protocol import FOUR, WHOLE, binary
from tests.transports.test_tls import Inside
from transports.tcp.listener import BUSY
from transports.tcp.trust import TrustedProxies

LOOPBACK = TrustedProxies(["127.0.0.1"])
OPTIONS = {"trusted_proxies": ["127.0.0.1"], "forwarded": "proxy-protocol"}
LINE = b"PROXY TCP4 192.0.2.1 10.0.0.1 5000 443\r\n"


def line(address: str) -> bytes:
    return f"PROXY TCP4 {address} 10.0.0.1 5000 443\r\n".encode()


@pytest.fixture
def listens():
    with listening(trusted=LOOPBACK, by_preface=True, handshake_timeout=20.0) as served:
        yield served


@pytest.fixture
def serving():
    with ExitStack() as stack:
        yield lambda tls=None, **options: stack.enter_context(
            serve(who(**{**OPTIONS, **options}), tls=tls)
        )


@pytest.mark.parametrize(("preface", "client"), WHOLE)
def test_what_follows_is_the_client_s(listens, preface, client):
    with Client(listens.address) as proxy:
        proxy.send(preface + b"hello")
        protocol = listens.newest()
        protocol.wait_for(b"hello")
        peer = proxy.sock.getsockname() if client is None else client
        assert protocol.stream.peer == peer
        assert bytes(protocol.data) == b"hello"
        protocol.stream.write(b"welcome")
        assert proxy.read(7) == b"welcome"


def test_nothing_is_opened_before_the_preface_is_there(listens):
    with Client(listens.address) as proxy:
        for byte in LINE:
            assert not listens.protocols
            proxy.send(bytes([byte]))
            gevent.sleep(0)
        listens.newest()
        proxy.send(b"hello")
        listens.newest().wait_for(b"hello")
        proxy.close()
        listens.newest().wait_for("eof")


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "does not begin with"),
        (binary(0x11, FOUR[:-1]), "its addresses are cut"),
        (binary(0x11, length=2033), "it has over 2048 bytes"),
        (b"PROXY TCP4 secret 1 2 3\r\n", "its line is malformed"),
    ],
)
def test_what_is_no_preface_is_closed_and_told_once(listens, caplog, sent, words):
    for _ in range(5):
        with Client(listens.address) as proxy:
            proxy.send(sent)
            assert proxy.read_to_end() == b""
    told = [text for text in caplog.messages if text.startswith("closed a connection")]
    assert len(told) < 5
    assert words in told[0]
    assert "secret" not in caplog.text
    assert not listens.protocols


def test_end_before_the_preface_is_told(listens, caplog):
    with Client(listens.address) as proxy:
        proxy.send(LINE[:9])
        proxy.end()
        assert proxy.read_to_end() == b""
    assert "closed a connection of 127.0.0.1: it ended before" in caplog.text


def test_preface_that_is_late_is_closed(caplog):
    with (
        listening(trusted=LOOPBACK, by_preface=True, handshake_timeout=0.05) as served,
        Client(served.address) as proxy,
    ):
        proxy.send(LINE[:-1])
        assert proxy.read_to_end() == b""
    assert "did not come in time" in caplog.text


def test_preface_that_came_has_no_deadline_any_more():
    before = held()
    with listening(trusted=LOOPBACK, by_preface=True, handshake_timeout=0.05) as served:
        with Client(served.address) as proxy:
            proxy.send(LINE)
            protocol = served.newest()
            assert held()["timers"] <= before["timers"]
            proxy.send(b"hello")
            protocol.wait_for(b"hello")
        protocol.wait_for("eof")
        protocol.stream.abort()
    assert left_since(before) == {}


def test_peer_that_is_not_trusted_is_closed(caplog):
    with (
        listening(trusted=TrustedProxies(["10.0.0.0/8"]), by_preface=True) as served,
        Client(served.address) as stranger,
    ):
        stranger.send(LINE)
        assert stranger.read_to_end() == b""
        assert not served.listener.streams
    assert "closed a connection of 127.0.0.1: no trusted proxy" in caplog.text


def test_lost_proxy_leaves_nothing_behind(listens):
    before = held()
    with Client(listens.address) as proxy:
        proxy.send(LINE[:5])
        eventually(lambda: listens.listener.streams)
        proxy.reset()
    eventually(lambda: not listens.listener.streams)
    assert left_since(before) == {}


@pytest.mark.parametrize(("before", "answer"), [(1, b""), (2, b""), (3, BUSY)])
def test_connections_are_counted_by_client(before, answer):
    options = {"trusted": LOOPBACK, "by_preface": True, "max_per_address": 3}
    with ExitStack() as stack:
        served = stack.enter_context(listening(**options))
        for _ in range(before):
            stack.enter_context(Client(served.address)).send(LINE)
        served.newest(before)
        one, other = (stack.enter_context(Client(served.address)) for _ in range(2))
        one.send(LINE)
        if answer:
            assert one.read_to_end() == answer
        else:
            served.newest(before + 1)
        other.send(line("192.0.2.2"))
        served.newest(before + 1 + (not answer))


# -- with HTTP, and inside TLS


@pytest.fixture
def contexts(tmp_path):
    path = certificate.make(tmp_path)
    ours = SSLContext(PROTOCOL_TLS_CLIENT)
    ours.load_verify_locations(path)
    return server_context(str(path), str(path.with_suffix(".key"))), ours


def connected(address, tls=None, preface=LINE):
    """Return a client that a proxy has connected."""
    client = Client(address)
    client.send(preface)
    if tls is not None:
        client.sock = tls.wrap_socket(client.sock, server_hostname="localhost")
    return client


@pytest.mark.parametrize("asked", [by_websocket, by_longpoll])
@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("preface", [LINE, binary(0x11, FOUR)])
def test_connect_is_told_the_client(serving, contexts, asked, encrypted, preface):
    theirs, ours = contexts if encrypted else (None, None)
    served = serving(theirs)
    with connected(served.address, ours, preface) as client:
        lines = "X-Forwarded-For: 203.0.113.1", "X-Forwarded-Proto: ftp"
        said = asked(client, *lines, host="chat.example")
    scheme = "https://chat.example:443" if encrypted else "http://chat.example:80"
    assert said == f"192.0.2.1 5000 {scheme}"


@pytest.mark.parametrize("encrypted", [False, True])
def test_client_that_has_too_many_is_turned_away(serving, contexts, encrypted):
    theirs, ours = contexts if encrypted else (None, None)
    served = serving(theirs, max_connections_per_address=1)
    with connected(served.address, ours) as one, Client(served.address) as two:
        by_websocket(one)
        two.send(LINE)
        assert two.read_to_end() == (b"" if encrypted else BUSY)
        with connected(served.address, ours, line("192.0.2.2")) as three:
            by_websocket(three)
        one.close()
        eventually(lambda: not served.streams)
        with connected(served.address, ours) as again:
            by_websocket(again)


def test_tls_may_begin_in_the_same_bytes(serving, contexts):
    theirs, ours = contexts
    with Client(serving(theirs).address) as client:
        inside = Inside(client, ours)
        client.send(LINE + inside.hello())
        inside.shake_hands()
        inside.send(request("/page"))
        assert b"192.0.2.1 https" in inside.receive()


def test_bytes_that_fail_inside_tls_end_that_connection(serving, contexts):
    served = serving(contexts[0])
    with Client(served.address) as client:
        client.send(LINE + b"GET / HTTP/1.1\r\n\r\n")
        client.read_to_end()
    eventually(lambda: not served.streams)


def test_request_behind_a_preface_is_answered_while_the_server_ends(serving):
    served = serving()
    with Client(served.address) as client:
        client.send(LINE[:7])
        eventually(lambda: served.streams)
        ending = gevent.spawn(served.server.stop, 5.0)
        eventually(lambda: served.server.listener._fd < 0)
        client.send(LINE[7:] + request("/page"))
        answer = client.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        client.close()
        ending.get(timeout=10.0)


def test_preface_that_never_comes_does_not_hold_up_an_end_for_long(serving):
    served = serving()
    with Client(served.address) as client:
        client.send(LINE[:7])
        eventually(lambda: served.streams)
        served.server.stop(1.0)
        assert client.read_to_end() == b""


def test_log_of_a_refused_client_names_it(serving, caplog):
    served = serving()
    with caplog.at_level(logging.INFO), connected(served.address) as client:
        client.send(b"rubbish\r\n\r\n")
        assert client.answer().status == 400
    assert "refused a request of 192.0.2.1: 400" in caplog.messages


def test_health_check_of_a_proxy_is_answered(serving):
    served = serving(max_connections_per_address=1)
    for _ in range(3):
        with connected(served.address, preface=b"PROXY UNKNOWN\r\n") as one:
            assert one.ask("/page").body == b"127.0.0.1 http"
            with connected(served.address, preface=binary(0, command=0x20)) as two:
                assert two.upgrade(WEBSOCKET).status == 101
