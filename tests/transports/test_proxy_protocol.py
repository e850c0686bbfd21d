"""The PROXY protocol, by the tables of haproxy's doc/proxy-protocol.txt."""

from __future__ import annotations

import os
import random
import time
from ipaddress import ip_address

import pytest

from transports.tcp.proxy_protocol import MAX_LINE, MAX_SIZE, SIGNATURE, Preface, parse

INPUTS = int(os.environ.get("ROOST_FORWARDED_INPUTS", "10000"))


def binary(family=0x11, body=b"", *, command=0x21, length=None):
    size = len(body) if length is None else length
    return SIGNATURE + bytes([command, family]) + size.to_bytes(2, "big") + body


def addresses(source, destination, port=5000, other=443):
    packed = ip_address(source).packed + ip_address(destination).packed
    return packed + port.to_bytes(2, "big") + other.to_bytes(2, "big")


FOUR = addresses("192.0.2.1", "10.0.0.1")
SIX = addresses("2001:db8::1", "::1")
TLV = b"\x01\x00\x02h2"

WHOLE = [
    (b"PROXY TCP4 192.0.2.1 10.0.0.1 5000 443\r\n", ("192.0.2.1", 5000)),
    (b"PROXY TCP6 2001:DB8:0::1 ::1 65535 0\r\n", ("2001:db8::1", 65535)),
    (b"PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n", ("192.0.2.1", 1)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff:f...f:ffff whatever this is\r\n", None),
    (binary(0x11, FOUR), ("192.0.2.1", 5000)),
    (binary(0x11, FOUR + TLV), ("192.0.2.1", 5000)),
    (binary(0x21, SIX), ("2001:db8::1", 5000)),
    (binary(0x21, addresses("::ffff:192.0.2.1", "::1")), ("192.0.2.1", 5000)),
    (binary(0x31, bytes(216)), None),
    (binary(0x30, bytes(216)), None),
    (binary(0x00), None),
    (binary(0x00, TLV), None),
    (binary(0x01), None),
    (binary(0x10, FOUR), None),
    (binary(0x11, FOUR, command=0x20), None),
    (binary(0xFF, b"", command=0x20), None),
]


@pytest.mark.parametrize(("data", "client"), WHOLE)
def test_preface_names_the_client(data, client):
    assert parse(data) == Preface(len(data), client)
    assert parse(data + b"GET / HTTP/1.1\r\n") == Preface(len(data), client)


@pytest.mark.parametrize("data", [data for data, _ in WHOLE])
def test_preface_may_come_byte_by_byte(data):
    assert [parse(data[:size]) for size in range(len(data))] == [None] * len(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GET / HTTP/1.1\r\n", "does not begin with"),
        (b"\x16\x03\x01", "does not begin with"),
        (b"PROXX", "does not begin with"),
        (b"\r\n\r\n\x00\r\nQUIX", "does not begin with"),
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 5000\r\n", "malformed"),
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 5000 443 1\r\n", "malformed"),
        (b"PROXY TCP4  192.0.2.1 10.0.0.1 5000 443\r\n", "malformed"),
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 05000 443\r\n", "malformed"),
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 +500 443\r\n", "malformed"),
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 5000 443\n\r\n", "malformed"),
        (b"PROXY tcp4 192.0.2.1 10.0.0.1 5000 443\r\n", "malformed"),
        (b"PROXY UDP4 192.0.2.1 10.0.0.1 5000 443\r\n", "malformed"),
        (b"PROXY UNKNOWNX\r\n", "malformed"),
        (b"PROXY \r\n", "malformed"),
        (b"PROXY TCP4 192.0.2.256 10.0.0.1 5000 443\r\n", "no such address"),
        (b"PROXY TCP4 192.0.2.1 10.0.0 5000 443\r\n", "no such address"),
        (b"PROXY TCP4 ::1 ::1 5000 443\r\n", "no such address"),
        (b"PROXY TCP6 192.0.2.1 ::1 5000 443\r\n", "no such address"),
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 65536 443\r\n", "no such port"),
        (b"PROXY TCP4 192.0.2.1 10.0.0.1 443 65536\r\n", "no such port"),
        (binary(0x11, FOUR, command=0x11), "version or command"),
        (binary(0x11, FOUR, command=0x22), "version or command"),
        (binary(0x12, FOUR), "family"),
        (binary(0x41, FOUR), "family"),
        (binary(0x13, FOUR), "family"),
        (binary(0x11, FOUR[:-1]), "cut"),
        (binary(0x21, SIX[:-1]), "cut"),
        (binary(0x31, bytes(215)), "cut"),
        (binary(0x11, b""), "cut"),
    ],
)
def test_what_is_none_is_refused(data, words):
    with pytest.raises(ValueError, match=words):
        parse(data)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_line_of_version_1_is_bounded(over):
    line = b"PROXY UNKNOWN " + b"x" * (MAX_LINE - 16 + over) + b"\r\n"
    assert len(line) == MAX_LINE + over
    if over <= 0:
        assert parse(line) == Preface(len(line), None)
    else:
        with pytest.raises(ValueError, match="over 107 bytes"):
            parse(line)


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_size_of_version_2_is_bounded(over):
    data = binary(0x11, FOUR + bytes(MAX_SIZE - 16 - len(FOUR) + over))
    assert len(data) == MAX_SIZE + over
    if over <= 0:
        assert parse(data) == Preface(len(data), ("192.0.2.1", 5000))
    else:
        with pytest.raises(ValueError, match="over 2048 bytes"):
            parse(data[:16])  # before any of it is kept


def test_whatever_comes_is_judged_at_once():
    chance = random.Random(11)
    slowest = 0.0
    for _ in range(INPUTS):
        data = bytearray(chance.choice(WHOLE)[0])
        for _ in range(chance.randint(0, 4)):
            at = chance.randrange(len(data) + 1)
            data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        if not chance.randrange(4):
            data += chance.randbytes(chance.randint(0, 3000))
        began = time.thread_time()
        try:
            found = parse(bytes(data))
        except ValueError:
            found = None
        slowest = max(slowest, time.thread_time() - began)
        if found is not None:
            assert 0 < found.size <= MAX_SIZE
            if found.client is not None:
                assert str(ip_address(found.client[0])) == found.client[0]
                assert 0 <= found.client[1] <= 65535
    assert slowest < 0.1
