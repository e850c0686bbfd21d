"""From HTTP to WebSocket over real connections: who is let in, and what becomes of the bytes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator

import pytest
from gevent.event import Event

from actors import Endpoint, Reply, Socket
from tests.support import raw
from tests.support.raw import ACCEPT, CLOSE, TEXT, Client, close_frame, frame, request, upgrade
from tests.support.server import Served, serve
from transports.http.options import HTTPOptions
from transports.http.response import Response

TARGET = "/s/websocket"
DEADLINE = 20.0


class Echo(Socket):
    def handle_in(self, payload, opcode):
        return Reply(payload, opcode=opcode)


@pytest.fixture
def canaries() -> list[str]:
    return []


@pytest.fixture
def served(canaries: list[str]) -> Iterator[Served]:
    def canary(asked: object, http: object) -> Response:
        canaries.append(asked.path)
        return Response(200, b"canary")

    endpoint = Endpoint()
    endpoint.socket("/s", Echo, websocket={"subprotocols": ["a", "b"]})
    endpoint.socket("/plain", Echo)
    endpoint.page("/canary", canary)
    with serve(endpoint) as served:
        yield served


@pytest.fixture
def client(served: Served) -> Iterator[Client]:
    with Client(served.address) as client:
        yield client


def get(*lines: str, version: str = "1.1", method: str = "GET") -> bytes:
    return request(TARGET, *lines, version=version, method=method)


USUAL = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    f"Sec-WebSocket-Key: {raw.KEY}",
    "Sec-WebSocket-Version: 13",
)


@pytest.mark.parametrize(
    "asked",
    [
        get(*USUAL),
        get("Connection: keep-alive, Upgrade", *USUAL[1:]),
        get("Connection: keep-alive", "Connection: uPGRADE", *USUAL[1:]),
        get(USUAL[0], "Upgrade: WebSocket", *USUAL[2:]),
        get(USUAL[0], "Upgrade: h2c, websocket", *USUAL[2:]),
        get(*USUAL, "Content-Length: 0"),
        get(*reversed(USUAL)),
    ],
)
def test_upgrade_that_rfc_6455_allows_is_accepted(client: Client, asked: bytes) -> None:
    client.send(asked)
    answer = client.answer()
    assert (answer.status, answer.headers["sec-websocket-accept"]) == (101, ACCEPT)
    assert (answer.headers["connection"], answer.headers["upgrade"]) == ("Upgrade", "websocket")
    client.send(frame(TEXT, "hi"))
    assert client.frame() == (TEXT, b"hi", True, 0)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (get(*USUAL[1:]), b"'connection' header must contain 'upgrade', got []"),
        (get("Connection: notupgrade", *USUAL[1:]), b"'connection' header must contain"),
        (get("Connection: Upgrade; x", *USUAL[1:]), b"'connection' header must contain"),
        (get("Connection: keep-alive", *USUAL[1:]), b"'connection' header must contain"),
        (get(USUAL[0], *USUAL[2:]), b"'upgrade' header must contain 'websocket', got []"),
        (get(USUAL[0], "Upgrade: websockets", *USUAL[2:]), b"'upgrade' header must contain"),
        (get(USUAL[0], "Upgrade: h2c", *USUAL[2:]), b"'upgrade' header must contain"),
        (get(*USUAL[:2], USUAL[3]), b"'sec-websocket-key' header is absent"),
        (get(*USUAL, USUAL[2]), b"'sec-websocket-key' header must be 16 bytes"),
        (get(*USUAL[:2], "Sec-WebSocket-Key:", USUAL[3]), b"'sec-websocket-key' header must"),
        (get(*USUAL[:2], "Sec-WebSocket-Key: AAAA", USUAL[3]), b"'sec-websocket-key' header"),
        (get(*USUAL[:2], f"Sec-WebSocket-Key: {'A' * 24}", USUAL[3]), b"'sec-websocket-key'"),
        (get(*USUAL[:2], f"Sec-WebSocket-Key: {'*' * 22}==", USUAL[3]), b"'sec-websocket-key'"),
        (get(*USUAL[:3]), b"'sec-websocket-version' header must equal '13', got []"),
        (get(*USUAL[:3], "Sec-WebSocket-Version: 8"), b"'sec-websocket-version' header must"),
        (get(*USUAL[:3], "Sec-WebSocket-Version: 99"), b"'sec-websocket-version' header must"),
        (get(*USUAL[:3], "Sec-WebSocket-Version: 13, 8"), b"'sec-websocket-version' header must"),
        (get(*USUAL, USUAL[3]), b"'sec-websocket-version' header must equal '13'"),
        (get(*USUAL, version="1.0"), b"HTTP version HTTP/1.0 unsupported"),
        (get(*USUAL, "Content-Length: 5") + b"hello", b"'content-length' header must be absent"),
        (
            get(*USUAL, "Transfer-Encoding: chunked") + b"0\r\n\r\n",
            b"'transfer-encoding' header must be absent",
        ),
        (get(*USUAL, method="POST"), b""),
        (get(*USUAL, method="HEAD"), b""),
    ],
)
def test_upgrade_that_is_none_is_400_and_says_what_was_wanted(
    client: Client, canaries: list[str], asked: bytes, told: bytes
) -> None:
    client.send(asked)
    answer = client.answer(head_only=asked.startswith(b"HEAD"))
    assert answer.status == 400
    assert answer.body.startswith(told)
    if b"version' header" in told:
        assert answer.headers["sec-websocket-version"] == "13"


def test_refused_upgrade_leaves_http_as_it_was(client: Client, canaries: list[str]) -> None:
    client.send(get(*USUAL[:3]) + request("/canary"))
    assert client.answer().status == 400
    assert client.answer().body == b"canary"
    assert canaries == ["/canary"]


# -- lists of tokens


@pytest.mark.parametrize(
    ("value", "agreed"),
    [("b", "b"), ("x, b, a", "a"), (" b ,", "b"), ("A", None), ("ab", None), ("xa", None)],
)
def test_subprotocol_is_compared_whole(client: Client, value: str, agreed: str | None) -> None:
    answer = client.upgrade(TARGET, f"Sec-WebSocket-Protocol: {value}")
    if agreed is None:
        assert answer.status == 403
    else:
        assert (answer.status, answer.headers["sec-websocket-protocol"]) == (101, agreed)


@pytest.mark.parametrize("name", ["Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"])
@pytest.mark.parametrize("value", ["b" + " " * 8000, "b" + "," * 8000, '"' * 8000, ";=" * 4000])
def test_list_that_is_costly_to_split_is_answered_at_once(
    client: Client, name: str, value: str
) -> None:
    began = time.process_time()
    answer = client.upgrade(TARGET, f"{name}: {value}")
    assert answer.status in {101, 400, 403}
    assert time.process_time() - began < 0.1  # quadratic: seconds


# -- the bytes around the upgrade


def test_frame_glued_to_the_request_is_delivered(client: Client) -> None:
    client.send(upgrade(TARGET) + frame(TEXT, "first") + frame(TEXT, "second"))
    assert client.answer().status == 101
    assert [client.frame().payload for _ in range(2)] == [b"first", b"second"]
    client.send(close_frame())
    assert client.frame().code == 1000


def test_frame_cut_at_any_place_behind_the_request_is_delivered(served: Served) -> None:
    data = upgrade(TARGET) + frame(TEXT, "hello")
    for cut in range(len(data) - 12, len(data)):
        with Client(served.address) as client:
            client.send(data[:cut])
            client.send(data[cut:])
            assert client.answer().status == 101
            assert client.frame().payload == b"hello"


def test_upgrade_behind_another_request_is_served_in_its_turn(client: Client) -> None:
    client.send(request("/canary") + upgrade(TARGET) + frame(TEXT, "hi"))
    assert client.answer().body == b"canary"
    assert client.answer().status == 101
    assert client.frame().payload == b"hi"


def test_http_behind_an_upgrade_is_no_request(client: Client, canaries: list[str]) -> None:
    client.send(upgrade(TARGET) + request("/canary"))
    assert client.answer().status == 101
    refused = client.frame()
    assert (refused.opcode, refused.code) == (CLOSE, 1002)
    assert canaries == []


def test_client_that_ends_right_behind_its_upgrade_is_let_go(served: Served) -> None:
    ended = Event()

    class Short(Socket):
        def terminate(self, reason):
            ended.set()

    endpoint = Endpoint()
    endpoint.socket("/s", Short)
    with serve(endpoint) as other, Client(other.address) as client:
        client.send(upgrade(TARGET) + frame(TEXT, "last"))
        client.end()
        assert client.answer().status == 101
        assert client.read_to_end() == b""
        assert ended.wait(DEADLINE)


def test_websocket_outlives_the_deadlines_of_http() -> None:
    endpoint = Endpoint(http=HTTPOptions(keepalive_timeout=0.1, header_timeout=0.1))
    endpoint.socket("/s", Echo)
    with serve(endpoint) as served, Client(served.address) as client:
        assert client.upgrade(TARGET).status == 101
        client.sock.settimeout(0.4)
        with pytest.raises(TimeoutError):
            client.read(1)
        client.send(frame(TEXT, "hi"))
        assert client.frame().payload == b"hi"


def test_refused_upgrade_says_nothing_of_its_query_in_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="roost")
    client.upgrade(f"{TARGET}?token=sentinel", "Cookie: sentinel", "Origin: http://evil.example")
    client.upgrade(f"{TARGET}?token=sentinel", sec_websocket_key="sentinel")
    assert "sentinel" not in caplog.text
