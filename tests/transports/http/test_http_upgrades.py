"""Heads of upgrades that are known from other connections: judged as if they were not."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from actors.errors import HTTPError
from tests.transports.http.parsing import HEAD
from transports.http.head import Fields, parse_head
from transports.http.options import HTTPOptions
from transports.http.parser import RequestParser
from transports.http.upgrades import KEY, MAX_KNOWN, MAX_KNOWN_SIZE, KnownUpgrades

KEYS = ("dGhlIHNhbXBsZSBub25jZQ==", "AQIDBAUGBwgJCgsMDQ4PEC==")
PEER = ("192.0.2.1", 9)


def upgrade(
    key: str = KEYS[0],
    target: str = "/echo?a=b",
    more: str = "",
    host: str = "a:81",
    method: str = "GET",
    version: str = "1.1",
) -> bytes:
    return (
        f"{method} {target} HTTP/{version}\r\nHost: {host}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n{more}"
        "Sec-WebSocket-Version: 13\r\n\r\n"
    ).encode("latin-1")


def parsed(data: bytes, scheme: str = "http") -> Fields:
    return parse_head(data, HTTPOptions(), scheme=scheme, peer=PEER, known={})[1]


def knows(data: bytes, *learnt: bytes, scheme: str = "http") -> bool:
    """Whether ``data`` is recalled when the heads ``learnt`` were parsed before."""
    upgrades = KnownUpgrades()
    for head in learnt:
        upgrades.learn(parsed(head), "http")
    return upgrades.recall(data, HTTPOptions(), scheme=scheme, peer=PEER) is not None


def verdict(data: bytes, upgrades: KnownUpgrades, **options: int) -> object:
    parser = RequestParser(HTTPOptions(**options), "http", PEER, upgrades)
    parser.receive_data(data)
    try:
        request = parser.next_request()
    except HTTPError as error:
        return error.status, error.message
    values = request and [getattr(request, name) for name in request.__slots__]
    return values, parser.state, parser.take_rest()


def test_upgrade_that_is_known_is_read_as_one_that_is_not() -> None:
    upgrades = KnownUpgrades()
    first = verdict(upgrade(), upgrades)
    data = upgrade(KEYS[1], "/other?token=x", host="a:81")
    assert upgrades.recall(data, HTTPOptions(), scheme="http", peer=PEER) is not None
    assert verdict(data, upgrades) == verdict(data, KnownUpgrades())
    assert verdict(upgrade(), upgrades) == first  # what was learnt is as it was


@pytest.mark.parametrize(
    "data",
    [
        upgrade(host="b"),
        upgrade(version="1.0"),
        upgrade(method="PUT"),
        upgrade(more="X: y\r\n"),
        upgrade(key="dGhlIHNhbXBsZSBub25jZQ=" + "!"),
        upgrade(key="dGhlIHNhbXBsZSBub25jZQ==" + "x"),
        upgrade(key="short"),
        upgrade(target="/a#b"),
        upgrade(target="/\x7f"),
        upgrade(target="*"),
        upgrade() + b"x",
        upgrade()[:-1],
        HEAD + b"\r\n",
        b"",
    ],
)
def test_other_heads_are_not_recalled(data: bytes) -> None:
    assert knows(upgrade(KEYS[1]), upgrade())
    assert not knows(data, upgrade())


def test_key_is_where_it_was() -> None:
    """A line that only becomes that of the key when 24 bytes are left out is none."""
    learnt = b"GET / HTTP/1.1\r\nSec-WebSocket-Key: %b\r\nHost: a\r\n\r\n"
    odd = b"GET / HTTP/1.1\r\nSec-%bWebSocket-Key: \r\nHost: a\r\n\r\n"
    key = KEYS[0].encode()
    assert knows(learnt % key, learnt % key)
    assert not knows(odd % key, learnt % key)


def test_default_port_is_that_of_the_scheme() -> None:
    assert knows(upgrade(), upgrade())
    assert not knows(upgrade(), upgrade(), scheme="https")


@pytest.mark.parametrize(
    "head",
    [
        upgrade(more="Cookie: session=secret\r\n"),
        upgrade(more="Authorization: Basic x\r\n"),
        upgrade(more="Sec-WebSocket-Protocol: base64url.bearer.phx.x\r\n"),
        upgrade(more="Content-Length: 0\r\n"),
        upgrade(more="Origin: http://a\r\nOrigin: http://b\r\n"),
        upgrade(more=f"User-Agent: {'x' * MAX_KNOWN_SIZE}\r\n"),
        upgrade(key="short"),
        upgrade(key=KEYS[0] + " "),
        upgrade(target="http://a:81/"),
        upgrade(method="PUT"),
        upgrade(version="1.0"),
        upgrade().replace(b"Key: ", b"Key:"),
        HEAD + b"\r\n",
    ],
)
def test_head_that_is_secret_large_or_unusual_is_not_kept(head: bytes) -> None:
    assert not knows(head, head)


def test_the_oldest_head_goes_for_a_new_one() -> None:
    heads = [upgrade(host=f"host-{number}") for number in range(MAX_KNOWN + 1)]
    assert knows(heads[0], *heads[:-1])
    assert not knows(heads[0], *heads)
    assert knows(heads[-1], *heads)
    assert knows(heads[0], *heads[:-1], *heads[:-1])  # a head that is known takes no more room


@pytest.mark.parametrize("limit", ["max_request_line", "max_head"])
def test_limits_hold_for_an_upgrade_that_is_known(limit: str) -> None:
    long = upgrade(target="/" + "x" * 100)
    size = long.index(b"\r\n") + 2 if limit == "max_request_line" else len(long)
    upgrades = KnownUpgrades()
    upgrades.learn(parsed(upgrade()), "http")
    for most in (size - 3, size - 2, size - 1, size, size + 1):
        assert verdict(long, upgrades, **{limit: most}) == verdict(
            long, KnownUpgrades(), **{limit: most}
        )


def test_upgrade_behind_another_request_is_parsed() -> None:
    upgrades = KnownUpgrades()
    upgrades.learn(parsed(upgrade()), "http")
    parser = RequestParser(HTTPOptions(), "http", PEER, upgrades)
    for data in (HEAD + b"\r\n", upgrade(KEYS[1])):
        parser.receive_data(data)
        request = parser.next_request()
        assert request is not None
    assert request.header(KEY) == KEYS[1]


LINES = st.sampled_from(
    [
        b"Host: a", b"Host: b", b"Upgrade: websocket", b"Connection: Upgrade", b"Connection: close",
        b"Sec-WebSocket-Key: " + KEYS[0].encode(), b"Sec-WebSocket-Key: " + KEYS[1].encode(),
        b"Sec-WebSocket-Key: x", b"sec-websocket-key: " + KEYS[0].encode(), b"Cookie: a=b",
        b"Content-Length: 1", b"Transfer-Encoding: chunked", b"Origin: http://a", b"X\tY: z", b"",
    ]
)  # fmt: skip
HEADS = st.builds(
    lambda line, lines, end: b"\r\n".join([line, *lines, b"", end]),
    st.sampled_from(
        [b"GET / HTTP/1.1", b"GET /a?b HTTP/1.1", b"GET /a#b HTTP/1.1", b"PUT / HTTP/1.1"]
    ),
    st.lists(LINES, min_size=1, max_size=7),
    st.sampled_from([b"", b"\r\n", b"\r\nx"]),
)


@settings(max_examples=400)
@given(st.lists(HEADS, max_size=3), st.lists(HEADS, min_size=1, max_size=3))
@example([upgrade()], [upgrade(KEYS[1]), upgrade(target="/x")])
def test_head_is_judged_alike_whatever_other_connections_sent(
    before: list[bytes], heads: list[bytes]
) -> None:
    upgrades = KnownUpgrades()
    for data in [*before, *heads]:
        assert verdict(data, upgrades) == verdict(data, KnownUpgrades())
