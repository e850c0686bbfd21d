"""Servers that lie, stall or flood: a client neither hangs nor grows, and comes back."""

from __future__ import annotations

import gc
import json
import re
import socket
import struct
import threading
import time

import pytest
from websockets.utils import accept_key

from actors.client.aio_wire import AioWire
from actors.client.blocking_wire import BlockingWire
from actors.client.wire import PONGS, READ
from actors.errors import BufferFull, ConnectFailed, ReplyLost, ReplyTimeout
from actors.results import Ok
from supervision.drills.wire import BINARY, PING, TEXT, frame
from tests.client.conftest import failure_of
from tests.client.stub import lying, silent
from tests.support.waiting import DEADLINE, eventually


def unmasked(opcode: int, payload: bytes, *, first: int = 0x80) -> bytes:
    """A frame of a server."""
    size = len(payload)
    if size < 126:
        return bytes([first | opcode, size]) + payload
    return bytes([first | opcode, 126]) + struct.pack("!H", size) + payload


SLOW = {"reconnect_first": 1000.0, "reconnect_longest": 1000.0}
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
TOO_BIG = bytes([0x80 | BINARY, 127]) + struct.pack("!Q", 1 << 40)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (unmasked(TEXT, b"no JSON"), 1007),
        (unmasked(TEXT, b"{}"), 1007),
        (unmasked(TEXT, b'[null,null,"t","e",{},1]'), 1007),
        (unmasked(TEXT, b"\xff\xfe"), 1007),
        (unmasked(TEXT, b'[null,"1","t","phx_reply",{}]'), 1007),
        (unmasked(BINARY, b"\x07"), 1007),
        (unmasked(BINARY, b""), 1007),
        (frame(TEXT, b"[]"), 1002),  # a server must not mask
        (unmasked(3, b""), 1002),
        (unmasked(TEXT, b"x", first=0xC0), 1002),
        (unmasked(0, b"x"), 1002),
        (unmasked(PING, b"x" * 126), 1002),
        (unmasked(TEXT, b"x" * 1001), 1009),
        (unmasked(TEXT, b"x" * 600, first=0) + unmasked(0, b"x" * 600), 1009),
        (TOO_BIG, 1009),
    ],
)
def test_what_nobody_can_read_closes_the_connection_and_it_is_made_anew(connect, data, code):
    def play(stub, connection, number):
        if number == 1:
            connection.socket.sendall(data)
        stub.answer(connection)

    with lying(play) as stub:
        closes: list[int] = []
        client = connect(
            stub.url,
            max_message_size=1000,
            wait=False,
            on_close=lambda code, reason: closes.append(code),
        )
        room = client.channel("room:1")
        eventually(lambda: stub.connections == 2)
        assert room.join(DEADLINE) == Ok({})
        eventually(lambda: closes and stub.codes)
        client.close()
    assert closes[0] == code
    assert stub.codes[0] == code


def test_fragments_are_put_together_with_pings_between(connect):
    def play(stub, connection, number):
        stub.answer(connection, until="fragments")
        text = b'[null,null,"room:1","text",{"a":"' + "é".encode() * 100 + b'"}]'
        data = b"\x02\x06\x06room:1binary" + bytes(range(256))
        for opcode, payload in ((TEXT, text), (BINARY, data)):
            pieces = [payload[:1], payload[1:34], b"", payload[34:]]
            for index, piece in enumerate(pieces):
                first = 0x80 if index == len(pieces) - 1 else 0
                raw = unmasked(0 if index else opcode, piece, first=first)
                connection.socket.sendall(raw + unmasked(PING, b"between"))
        stub.answer(connection)

    with lying(play) as stub:
        client = connect(stub.url)
        room = client.channel("room:1")
        room.join(DEADLINE)
        room.push("fragments")
        assert room.next_message(DEADLINE).payload == {"a": "é" * 100}
        assert room.next_message(DEADLINE).payload == bytes(range(256))
        client.close()


def test_a_close_frame_that_breaks_the_protocol_is_answered(connect):
    def play(stub, connection, number):
        if number == 1:
            connection.socket.sendall(unmasked(8, b"\x00"))
        stub.answer(connection)

    with lying(play) as stub:
        client = connect(stub.url, wait=False)
        eventually(lambda: stub.connections == 2)
        client.close()
    assert stub.codes[0] == 1002


def test_what_nobody_asked_for_is_dropped_and_counted(connect):
    def play(stub, connection, number):
        for ref in range(1000):
            reply = {"status": "ok", "response": {}}
            connection.send(json.dumps([None, str(ref + 100), "room:1", "phx_reply", reply]))
            connection.send(json.dumps([None, None, "room:9", "news", {}]))
        stub.answer(connection)

    with lying(play) as stub:
        client = connect(stub.url)
        room = client.channel("room:1")
        assert room.join(DEADLINE) == Ok({})
        assert client.counts["unmatched"] == 2000
        assert room.push("echo").get(DEADLINE) == Ok({})
        client.close()


def test_a_server_that_does_not_answer_heartbeats_is_given_up(connect):
    def play(stub, connection, number):
        if number == 1:
            stub.answer(connection, until="heartbeat")
            connection.recv(DEADLINE)  # the Close frame, as ConnectionClosed
        stub.answer(connection)

    with lying(play) as stub:
        client = connect(stub.url, heartbeat=0.1, heartbeat_timeout=1.5)
        closes: list[tuple[int, str]] = []
        client.on_close(lambda *told: closes.append(told))
        room = client.channel("room:1")
        room.join(DEADLINE)
        first = room.join_ref
        eventually(lambda: closes)
        eventually(lambda: room.state == "joined" and room.join_ref != first)
        eventually(lambda: [each[3] for each in stub.seen].count("heartbeat") >= 3)
        assert closes[0] == (1000, "heartbeat timeout")
        client.close()
    assert stub.codes[0] == 1000


def test_a_server_that_closes_during_the_join(connect):
    def play(stub, connection, number):
        if number == 1:
            connection.recv(DEADLINE)
            connection.close(1011, "on purpose")
            return
        stub.answer(connection)

    with lying(play) as stub:
        client = connect(stub.url)
        closes: list[tuple[int, str]] = []
        client.on_close(lambda *told: closes.append(told))
        assert client.channel("room:1").join(DEADLINE) == Ok({})
        eventually(lambda: closes == [(1011, "on purpose")])
        client.close()


@pytest.mark.parametrize("how", ["refused", "unanswered"])
def test_a_further_join_that_fails_is_told(connect, caplog, how):
    def play(stub, connection, number):
        joins = 0
        while True:
            got = json.loads(connection.recv(DEADLINE))
            joins += got[3] == "phx_join"
            reply = {"status": "ok", "response": {}}
            if joins > 1 and how == "unanswered":
                continue
            if joins > 1:
                reply = {"status": "error", "response": {"reason": "banned"}}
            connection.send(json.dumps([got[0], got[1], got[2], "phx_reply", reply]))
            if joins == 1:
                connection.send(json.dumps([got[1], None, got[2], "phx_error", {}]))

    with lying(play) as stub:
        client = connect(stub.url, timeout=1.0)
        room = client.channel("room:1")
        errors: list[str] = []
        room.on_error(errors.append)
        room.join()
        eventually(lambda: len(errors) > 1)
        assert ("banned" if how == "refused" else "not answered") in errors[1]
        assert client.counts["failed_rejoins"] >= 1
        client.close()
    lines = [each for each in caplog.records if "room:1 is not joined again" in each.getMessage()]
    assert lines
    assert lines[0].levelname == "WARNING"


def test_a_server_that_closes_each_connection_is_not_asked_over_and_over(connect):
    def play(stub, connection, number):
        connection.close()

    with lying(play) as stub:
        client = connect(stub.url, wait=False, **SLOW)
        eventually(lambda: client.state == "waiting")
        client.close()
        assert stub.connections == 1


def test_a_handshake_that_is_never_answered_ends_in_time(kit):
    with silent() as url:
        client = kit.client(url, connect_timeout=0.2, **SLOW)
        assert failure_of(client) == "no connection in 0.2 s"


def test_who_waits_for_a_connection_does_not_wait_for_ever(kit):
    with silent() as url, pytest.raises(ConnectFailed, match="no connection in time"):
        kit.client(url).connect(0.2)


@pytest.mark.parametrize(
    "answer",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        UPGRADED + b"Sec-WebSocket-Accept: wrong\r\n\r\n",
        b"HTTP/1.1 " + b"x" * 20_000,
        b"HTTP/1.1 101 A\r\n" + b"a: b\r\n" * 5000 + b"\r\n",
        b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9999999999\r\n\r\n",
        b"",
    ],
)
def test_an_answer_that_is_no_handshake_is_a_failed_attempt(kit, answer):
    def play(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(answer)
        sock.shutdown(socket.SHUT_WR)

    with silent(play) as url:
        assert failure_of(kit.client(url, connect_timeout=DEADLINE, **SLOW))


def test_tls_that_is_none_is_a_failed_attempt(kit):
    def play(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with silent(play) as url:
        client = kit.client(url.replace("ws", "wss", 1), connect_timeout=DEADLINE, **SLOW)
        assert "SSL" in failure_of(client)


def test_a_server_that_does_not_answer_our_close_is_not_waited_for(connect):
    release = threading.Event()

    def play(stub, connection, number):
        stub.answer(connection, until="stop reading")
        connection.socket.shutdown(socket.SHUT_RD)
        release.wait(DEADLINE)

    with lying(play) as stub:
        client = connect(stub.url, close_timeout=0.2)
        room = client.channel("room:1")
        room.join(DEADLINE)
        room.push("stop reading")
        eventually(lambda: stub.seen[-1][3] == "stop reading")
        began = time.monotonic()
        client.close()
        assert client.state == "closed"
        assert time.monotonic() - began < DEADLINE
        release.set()


@pytest.fixture
def deaf():
    """A server that reads nothing after the handshake and one join, until it is released."""
    release = threading.Event()

    def play(stub, connection, number):
        if number > 1:
            stub.answer(connection)
            return
        got = json.loads(connection.recv(DEADLINE))
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        # What websockets reads ahead is bounded: its queue of 16 frames.
        reply = {"status": "ok", "response": {}}
        connection.send(json.dumps([got[0], got[1], got[2], "phx_reply", reply]))
        release.wait(DEADLINE)

    with lying(play) as stub:
        yield stub
        release.set()


def test_pushes_to_a_server_that_does_not_read_are_refused_and_then_lost(connect, deaf):
    client = connect(deaf.url, max_buffered_bytes=1_000_000, send_timeout=0.5, close_timeout=0.2)
    closes: list[tuple[int, str]] = []
    client.on_close(lambda *told: closes.append(told))
    room = client.channel("room:1")
    room.join(DEADLINE)
    pushes = []

    def full() -> bool:
        try:
            pushes.append(room.push("data", b"x" * 100_000))
        except BufferFull:
            return True
        return bool(closes)

    eventually(full)
    with pytest.raises((ReplyLost, ReplyTimeout)):
        pushes[-1].get()
    eventually(lambda: closes)
    assert closes[0][0] == 1006
    assert "took nothing for 0.5 s" in closes[0][1]


def test_a_flood_of_pings_whose_pongs_are_not_read_takes_no_memory(connect):
    sent: list[int] = []

    def play(sock: socket.socket) -> None:
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", sock.recv(65536))[1].decode()
        accepted = f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
        sock.sendall(UPGRADED + accepted.encode())
        sock.settimeout(1.0)
        pings = unmasked(PING, b"x" * 125) * 500
        try:
            while len(sent) < 1000:  # 64 MB
                sock.sendall(pings)
                sent.append(len(pings))
        except TimeoutError:  # the client has stopped reading
            sent.append(0)

    with silent(play, receive_buffer=4096) as url:
        client = connect(url, send_timeout=DEADLINE, close_timeout=0.2, max_buffered_bytes=100_000)
        eventually(lambda: sent and sent[-1] == 0)
        wire = getattr(client, "_target", client)._wire
        assert wire._waiting_bytes < 100_000 + PONGS + 3 * READ
        client.close()


def test_a_callback_that_blocks_holds_up_no_message_and_no_heartbeat(kit, connect, url):
    client = connect(url, heartbeat=0.05, heartbeat_timeout=DEADLINE)
    room = client.channel("room:blocked")
    room.join()
    seen = []

    if type(kit).__name__ == "AioKit":
        import asyncio  # noqa: PLC0415

        async def callback(payload):
            inner = room._target.push("echo", {"from": "callback"})
            seen.append(await inner.get())
            await asyncio.sleep(0)
    else:

        def callback(payload):
            seen.append(room.push("echo", {"from": "callback"}).get())

    room.on("a", callback)
    room.push("relay", {"pushes": [["a", {}], ["b", {}]]}).get()
    assert room.next_message(DEADLINE).event == "b"
    eventually(lambda: seen == [Ok({"from": "callback"})])


@pytest.mark.parametrize(("count", "dropped"), [(2, 0), (3, 0), (4, 1)])
def test_so_many_calls_wait_for_a_slow_callback(kit, connect, url, count, dropped, caplog):
    client = connect(url, max_queue=3)
    room = client.channel("room:slow")
    room.join()
    seen = []
    release = threading.Event()

    if type(kit).__name__ == "AioKit":
        import asyncio  # noqa: PLC0415

        async def first(payload):
            while not release.is_set():  # noqa: ASYNC110 - it is set in another thread
                await asyncio.sleep(0.001)
    else:
        import gevent  # noqa: PLC0415

        def first(payload):
            while not release.is_set():
                gevent.sleep(0.001)

    room.on("first", first)
    room.on("a", seen.append)
    room.push("relay", {"pushes": [["first", {}]]}).get()
    room.push("relay", {"pushes": [["a", {"n": n}] for n in range(count)]}).get()
    assert client.counts["dropped_calls"] == dropped
    assert ("callbacks are too slow" in caplog.text) == bool(dropped)
    release.set()
    eventually(lambda: len(seen) == count - dropped)
    assert [each["n"] for each in seen] == list(range(dropped, count))


def test_nothing_is_left_of_connections_that_failed(connect):
    def play(stub, connection, number):
        connection.socket.sendall(unmasked(TEXT, b"no JSON"))
        stub.answer(connection)

    with lying(play) as stub:
        client = connect(stub.url, wait=False, close_timeout=0.1, reconnect_longest=0.01)
        eventually(lambda: stub.connections >= 20)
        client.close()

        def wires() -> int:
            """Look without a line of Python for each object: the suite's process has millions."""
            gc.collect()
            return sum(map((BlockingWire, AioWire).__contains__, map(type, gc.get_objects())))

        eventually(lambda: wires() <= 2, pause=0.05)


def test_a_reason_that_no_close_frame_carries_is_cut(connect, url):
    client = connect(url)
    client.close(4001, "é" * 200)
    assert client.state == "closed"
