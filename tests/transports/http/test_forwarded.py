"""Who a request is from, by the headers of a trusted proxy."""

from __future__ import annotations

import os
import random
import time

import pytest

from actors.errors import HTTPError
from transports.http.forwarded import LONGEST, MAX_HOPS, XForwarded
from transports.http.options import HTTPOptions
from transports.http.parser import RequestParser
from transports.http.request import Request
from transports.tcp.trust import TrustedProxies

PROXY = ("10.0.0.9", 4321)
TRUSTED = TrustedProxies(["10.0.0.0/8", "2001:db8::/32", "unix"])
INPUTS = int(os.environ.get("ROOST_FORWARDED_INPUTS", "10000"))


def judged(*headers, host=False, peer=PROXY, version="1.1"):
    request = Request(
        "GET", "/", "/", "", headers, version, host="chat.example", port=80, peer=peer
    )
    XForwarded(TRUSTED, host=host).apply(request)
    return request


def peer_of(*values, peer=PROXY):
    return judged(*(("x-forwarded-for", value) for value in values), peer=peer).peer


@pytest.mark.parametrize(
    ("values", "peer"),
    [
        ((), PROXY),
        (("",), PROXY),
        ((" , ,",), PROXY),
        (("192.0.2.1",), ("192.0.2.1", 0)),
        (("192.0.2.1:50000",), ("192.0.2.1", 50000)),
        (("[2001:db9::1]:50000",), ("2001:db9::1", 50000)),
        (("[2001:db9::1]",), ("2001:db9::1", 0)),
        (("2001:DB9:0::1",), ("2001:db9::1", 0)),
        (("::ffff:192.0.2.1",), ("192.0.2.1", 0)),
        # What the client wrote itself is left of its own address.
        (("203.0.113.7, 192.0.2.1",), ("192.0.2.1", 0)),
        (("rubbish'\", 192.0.2.1",), ("192.0.2.1", 0)),
        # HAProxy adds a line of its own behind the client's.
        (("203.0.113.7", "192.0.2.1"), ("192.0.2.1", 0)),
        (("192.0.2.1", "10.0.0.1"), ("192.0.2.1", 0)),
        (("192.0.2.1,10.0.0.1\t,, 10.0.0.2",), ("192.0.2.1", 0)),
        (("203.0.113.7, 192.0.2.1, 2001:db8::5, 10.0.0.2",), ("192.0.2.1", 0)),
        # All are ours: the leftmost is the client.
        (("10.0.0.3, 10.0.0.2",), ("10.0.0.3", 0)),
        # Who does not say it leaves the last trusted hop.
        (("unknown",), PROXY),
        (("UnKnown",), PROXY),
        (("_hidden",), PROXY),
        (("_hidden:80",), PROXY),
        (("192.0.2.1, unknown",), PROXY),
        (("192.0.2.1, _gazonk, 10.0.0.2:7",), ("10.0.0.2", 7)),
    ],
)
def test_client_is_the_first_from_the_right_that_is_not_trusted(values, peer):
    assert peer_of(*values) == peer


@pytest.mark.parametrize(
    "value",
    [
        "rubbish", "1.2.3", "1.2.3.4.5", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:x", "[::1",
        "::1]", "[192.0.2.1]", "[::1]:", "fe80::1%eth0", "[fe80::1%25eth0]", "_", "unknown:x",
        "192.0.2.1 10.0.0.1", '"[2001:db8::1]"', "for=192.0.2.1", "1" * (LONGEST + 1),
        "_" + "x" * LONGEST, "\u0661.2.3.4", "192.0.2.1;", "203.0.113.1, x",
    ],
)  # fmt: skip
def test_malformed_address_is_400(value):
    with pytest.raises(HTTPError, match="x-forwarded-for") as caught:
        peer_of(value)
    assert caught.value.status == 400


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_hops_are_bounded(over):
    hops = ", ".join(["10.0.0.1"] * (MAX_HOPS - 1 + over))
    value = f"192.0.2.1, {hops}"
    if over <= 0:
        assert peer_of(value) == ("192.0.2.1", 0)
    else:
        with pytest.raises(HTTPError, match="at most 32 proxies"):
            peer_of(value)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_length_of_an_element_is_bounded(over):
    name = "_" + "x" * (LONGEST - 1 + over)
    if over <= 0:
        assert peer_of(name) == PROXY
    else:
        with pytest.raises(HTTPError):
            peer_of(name)


@pytest.mark.parametrize(
    ("values", "scheme", "port"),
    [
        ((), "http", 80),
        (("",), "http", 80),
        (("https",), "https", 443),
        (("HTTPS",), "https", 443),
        (("wss",), "https", 443),
        (("ws",), "http", 80),
        (("http",), "http", 80),
        (("https, http",), "http", 80),  # one trusted hop: what it said is on the right
        (("https", "http"), "http", 80),
    ],
)
def test_scheme_is_that_of_the_hop_next_to_the_client(values, scheme, port):
    lines = [("host", "chat.example"), *(("x-forwarded-proto", value) for value in values)]
    request = judged(*lines)
    assert (request.scheme, request.host, request.port) == (scheme, "chat.example", port)


@pytest.mark.parametrize(
    ("protos", "scheme"), [("https, http", "https"), ("http, https, http", "https"), ("https",) * 2]
)
def test_scheme_is_counted_from_the_right_past_trusted_hops(protos, scheme):
    lines = [("x-forwarded-for", "192.0.2.1, 10.0.0.1"), ("x-forwarded-proto", protos)]
    assert judged(("host", "chat.example"), *lines).scheme == scheme


def test_port_of_the_host_header_stays():
    lines = ("host", "chat.example:8443"), ("x-forwarded-proto", "https")
    assert judged(*lines).port == 8443


def test_request_without_a_host_has_the_port_of_the_scheme():
    request = judged(("x-forwarded-proto", "https"), version="1.0")
    assert (request.host, request.port) == ("", 443)


def test_host_is_not_believed_unless_asked_for():
    lines = (
        ("host", "chat.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-port", "1"),
    )
    request = judged(*lines)
    assert (request.host, request.port) == ("chat.example", 80)


@pytest.mark.parametrize(
    ("lines", "host", "port"),
    [
        ((("x-forwarded-host", "public.example"),), "public.example", 80),
        ((("x-forwarded-host", "public.example:81"),), "public.example", 81),
        ((("x-forwarded-host", "evil.example, public.example"),), "public.example", 80),
        ((("x-forwarded-host", ""),), "chat.example", 80),
        ((("x-forwarded-port", "8443"),), "chat.example", 8443),
        ((("x-forwarded-host", "a.example:1"), ("x-forwarded-port", "65535")), "a.example", 65535),
        ((("x-forwarded-host", "[::1]"), ("x-forwarded-proto", "https")), "[::1]", 443),
    ],
)
def test_host_and_port_are_believed_where_asked_for(lines, host, port):
    request = judged(("host", "chat.example"), *lines, host=True)
    assert (request.host, request.port) == (host, port)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x-forwarded-proto", "ftp"),
        ("x-forwarded-proto", "https;"),
        ("x-forwarded-host", "a b"),
        ("x-forwarded-host", "user@a"),
        ("x-forwarded-host", "a:99999"),
        ("x-forwarded-port", "0"),
        ("x-forwarded-port", "65536"),
        ("x-forwarded-port", "+80"),
        ("x-forwarded-port", "\u0663"),
        ("x-forwarded-port", "1" * 5000),
    ],
)
def test_malformed_value_is_400(name, value):
    with pytest.raises(HTTPError, match=f"'{name}' header must") as caught:
        judged(("host", "chat.example"), (name, value), host=True)
    assert caught.value.status == 400


def test_every_request_of_a_connection_is_judged_by_its_own_headers():
    parser = RequestParser(HTTPOptions(), "http", PROXY, None, XForwarded(TRUSTED))
    for number in (1, 2, 2, 3):
        parser.receive_data(
            b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 192.0.2.%d\r\n\r\n" % number
        )
        assert parser.next_request().peer == (f"192.0.2.{number}", 0)
    parser.receive_data(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n")
    assert parser.next_request().peer == PROXY


def test_other_headers_say_nothing():
    lines = [("forwarded", "for=192.0.2.1;proto=https"), ("x-real-ip", "192.0.2.1")]
    request = judged(("host", "chat.example"), *lines)
    assert (request.peer, request.scheme) == (PROXY, "http")


PIECES = [
    "10.0.0.1", "192.0.2.1", "[::1]", "2001:db8::1", ":80", ":", ",", ", ", " ", "\t", "unknown",
    "_x", "[", "]", "::", "1", ".", "%", "for=", '"', "\xe9", "\x80", "a" * 70, "9" * 50, ":" * 50,
    "10.0.0.1," * 40, ".".join("1" * 40), "https", "http", "wss", "65536",
]  # fmt: skip
NAMES = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"]


def test_whatever_a_proxy_sends_is_judged_at_once():
    chance = random.Random(7)
    slowest = 0.0
    for _ in range(INPUTS):
        lines = [
            (chance.choice(NAMES), "".join(chance.choices(PIECES, k=chance.randint(0, 12))))
            for _ in range(chance.randint(1, 6))
        ]
        began = time.thread_time()
        try:
            request = judged(("host", "chat.example"), *lines, host=True)
        except HTTPError:
            pass
        else:
            assert request.scheme in {"http", "https"}
            assert 0 <= request.peer[1] <= 65535
            assert 0 < request.port <= 65535
        slowest = max(slowest, time.thread_time() - began)
    assert slowest < 0.1


@pytest.mark.parametrize("value", ["10.0.0.1," * 3600, "," * 32_000, ":" * 32_000, "_" * 32_000])
def test_longest_header_is_judged_at_once(value):
    began = time.thread_time()
    try:
        peer_of(value)
    except HTTPError:
        pass
    assert time.thread_time() - began < 0.1
