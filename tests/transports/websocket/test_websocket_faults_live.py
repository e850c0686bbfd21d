"""Peers that vanish, do not read or say too much: what becomes of them, and of the others."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import gevent
import pytest

from actors import Push, Reply
from actors.reasons import CLOSED, Closed, Shutdown
from tests.support.alive import greenlets, timers
from tests.support.raw import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Client,
    Frame,
    close_frame,
    frame,
    upgrade,
)
from tests.support.waiting import eventually
from tests.transports.websocket.lab import TARGET, Lab, LabSocket, say
from transports.tcp.stream import READ_SIZE, Stream
from transports.websocket import connection
from transports.websocket.connection import MAX_WAITING_BYTES, MAX_WAITING_EVENTS
from transports.websocket.deflate import Deflate
from transports.websocket.line import FLUSH_ABOVE
from transports.websocket.options import WebSocketOptions


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# -- what comes with the upgrade (A9)


@pytest.mark.parametrize(
    "glued",
    [frame(TEXT, "one"), frame(TEXT, "on", fin=False) + frame(0, "e"), frame(TEXT, "one") * 2],
)
def test_a_message_that_is_glued_to_the_upgrade_is_delivered(glued: bytes) -> None:
    with Lab() as lab, lab.connect(glued=glued) as client:
        assert client.frame() == Frame(TEXT, b"one")
        assert say(client, "two").payload in (b"one", b"two")


def test_a_message_may_begin_with_the_upgrade_and_go_on_after_it() -> None:
    data = frame(TEXT, "glued")
    for cut in range(1, len(data)):
        with Lab() as lab, lab.connect(glued=data[:cut]) as client:
            client.send(data[cut:] + frame(TEXT, "next"))
            assert [client.frame().payload for _ in range(2)] == [b"glued", b"next"]


def test_what_comes_while_init_blocks_keeps_its_order() -> None:
    with Lab(on_init=lambda socket: socket.lab.block()) as lab:
        data = frame(TEXT, "glued") + frame(TEXT, "cut in two")
        with lab.connect(glued=data[:15]) as client:
            assert lab.entered.wait(5)
            client.send(data[15:] + frame(TEXT, "last"))
            # A second connection whose request is served says that the first one's was read.
            with Client(lab.served.address) as other:
                for _ in range(2):
                    assert other.ask("/nowhere").status == 404
            assert lab.seen == []
            lab.release.set()
            assert [client.frame().payload for _ in range(3)] == [b"glued", b"cut in two", b"last"]


def test_a_ping_and_a_close_may_be_glued_to_the_upgrade() -> None:
    with Lab() as lab, lab.connect(glued=frame(PING, b"p") + close_frame(1000)) as client:
        assert [client.frame(), client.frame()] == [Frame(PONG, b"p"), Frame(CLOSE, b"\x03\xe8")]
        assert lab.reason() == Closed(1000)


def test_a_client_that_is_gone_before_init_is_done_ends_after_it() -> None:
    order: list[str] = []

    def slow_init(socket: Any) -> None:
        socket.lab.block()
        order.append("init is done")

    with Lab(on_init=slow_init, on_terminate=lambda _: order.append("terminate")) as lab:
        client = lab.connect()
        assert lab.entered.wait(5)
        client.reset()
        lab.wait_closed()
        assert order == []
        lab.release.set()
        assert lab.reason() == CLOSED
        assert order == ["init is done", "terminate"]


def test_a_socket_whose_init_crashes_is_1011() -> None:
    def crash(_: Any) -> None:
        raise ValueError

    with Lab(on_init=crash) as lab, lab.connect(glued=frame(TEXT, "x")) as client:
        assert client.frame().code == 1011
        client.send(close_frame(1011))
        assert client.read_to_end() == b""
        assert lab.seen == []


# -- peers that vanish (B10)

ENDINGS = {
    "FIN while idle": (b"", "end"),
    "RST while idle": (b"", "reset"),
    "both ways closed": (b"", "close"),
    "FIN inside a header": (frame(TEXT, "x")[:1], "end"),
    "FIN inside a frame": (frame(TEXT, "x" * 100)[:50], "end"),
    "RST inside a frame": (frame(TEXT, "x" * 100)[:50], "reset"),
    "FIN inside a message": (frame(TEXT, "x", fin=False), "end"),
    "RST inside a message": (frame(TEXT, "x", fin=False), "reset"),
}


@pytest.mark.parametrize(("sent", "how"), ENDINGS.values(), ids=ENDINGS)
def test_a_client_that_vanishes_ends_its_socket_once_and_leaves_nothing(
    sent: bytes, how: str
) -> None:
    with Lab() as lab, lab.connect() as other:
        assert say(other, "warm") == Frame(TEXT, b"warm")
        before = descriptors()
        client = lab.connect()
        assert say(client, "x") == Frame(TEXT, b"x")
        client.send(sent)
        start = time.monotonic()
        getattr(client, how)()
        assert lab.reason() == CLOSED
        client.close()
        eventually(lambda: len(lab.served.streams) <= 1)
        assert time.monotonic() - start < 1
        assert descriptors() == before
        assert lab.reasons.empty()
        assert say(other, "still here") == Frame(TEXT, b"still here")


def test_a_client_that_has_said_all_still_gets_its_answers() -> None:
    with Lab() as lab, lab.connect() as client:
        client.send(frame(TEXT, "one") + frame(TEXT, "two"))
        client.end()
        assert [client.frame().payload for _ in range(2)] == [b"one", b"two"]
        assert client.read_to_end() == b""
        assert lab.reason() == CLOSED
        lab.wait_closed()


def test_a_client_that_has_said_all_may_read_a_long_answer_slowly() -> None:
    size = 12_000_000  # more than the kernel takes
    with (
        Lab({"long": lambda _: Reply(bytes(size))}, max_send_queue=2 * size) as lab,
        lab.connect() as client,
    ):
        client.send(frame(TEXT, "long"))
        client.end()
        assert lab.reason() == CLOSED
        answer = client.frame()
        assert (answer.opcode, len(answer.payload)) == (BINARY, size)
        assert client.read_to_end() == b""
        lab.wait_closed()


def test_a_client_that_vanishes_while_its_socket_is_busy_ends_it_after_what_it_said() -> None:
    with Lab() as lab, lab.connect() as client:
        client.send(frame(TEXT, "block") + frame(TEXT, "next"))
        assert lab.entered.wait(5)
        client.reset()
        lab.wait_closed()
        lab.release.set()
        assert lab.reason() == CLOSED
        assert lab.seen == ["block", "next"]
        assert lab.reasons.empty()


def test_a_lost_client_takes_what_is_pushed_to_it_silently() -> None:
    done = threading.Event()

    def push(socket: Any) -> None:
        socket.lab.block()
        for _ in range(100):
            socket.push("x" * 10_000)
        done.set()

    with Lab({"push": push}) as lab, lab.connect() as client:
        client.send(frame(TEXT, "push"))
        assert lab.entered.wait(5)
        client.reset()
        lab.wait_closed()
        lab.release.set()
        assert lab.reason() == CLOSED
        assert done.is_set()


# -- pings and pongs, and who is told of them


class Controlled(LabSocket):
    """Keeps its control frames; answers a pong that says ``answer``."""

    def handle_control(self, payload: bytes | None, opcode: Any) -> Any:
        self.lab.seen.append((payload, opcode))
        return Push("heard") if payload == b"answer" else None


def test_a_socket_is_told_of_pings_and_pongs_in_their_order_among_messages() -> None:
    with Lab(socket_class=Controlled) as lab, lab.connect() as client:
        client.send(
            frame(PING) + frame(TEXT, "x") + frame(PING, b"p") + frame(PONG) + frame(PONG, "answer")
        )
        frames = [client.frame() for _ in range(4)]
        assert frames[:2] == [Frame(PONG, b""), Frame(PONG, b"p")]  # at once, by the transport
        assert frames[2:] == [Frame(TEXT, b"x"), Frame(TEXT, b"heard")]
        assert lab.seen == [(None, PING), "x", (b"p", PING), (None, PONG), (b"answer", PONG)]


def test_a_socket_that_does_not_ask_for_them_is_not_woken_by_pings() -> None:
    with Lab() as lab, lab.connect() as client:
        assert say(client, "x") == Frame(TEXT, b"x")
        inbox = lab.sockets[0].actor_inbox
        client.send(frame(PING, b"p"))
        assert client.frame() == Frame(PONG, b"p")
        assert (inbox.owner, inbox.items, lab.seen) == (None, [], ["x"])


def test_a_socket_may_send_pings_and_pongs_of_its_own() -> None:
    actions = {
        "ping": lambda _: Push(b"p", opcode=PING),
        "pong": lambda _: [Reply("q", opcode=PONG), Push(b"")],
    }
    with Lab(actions) as lab, lab.connect() as client:
        assert say(client, "ping") == Frame(PING, b"p")
        assert say(client, "pong") == Frame(PONG, b"q")
        assert client.frame() == Frame(BINARY, b"")


# -- one send a turn, and a client faster than its socket


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What each write to a stream was, which a compiled line would spare."""
    monkeypatch.setattr(connection, "compiled", None)
    kept: list[bytes] = []
    write = Stream.write

    def recording(self: Stream, data: bytes) -> None:
        kept.append(bytes(data))
        write(self, data)

    monkeypatch.setattr(Stream, "write", recording)
    return kept


def test_the_answers_of_a_turn_leave_in_one_write(written: list[bytes]) -> None:
    with Lab() as lab, lab.connect() as client:
        client.send(frame(TEXT, "one") + frame(TEXT, "two") + frame(BINARY, b"three"))
        assert [client.frame().payload for _ in range(3)] == [b"one", b"two", b"three"]
        assert written[1:] == [b"\x81\x03one\x81\x03two\x82\x05three"]


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_large_frame_is_not_held_back_for_the_rest_of_its_turn(
    written: list[bytes], over: int
) -> None:
    payload = bytes(FLUSH_ABOVE - 4 + over)  # and a header of 4 bytes
    with Lab({"both": lambda _: [Push(payload), Push("x")]}) as lab, lab.connect() as client:
        client.send(frame(TEXT, "both"))
        assert [client.frame().payload for _ in range(2)] == [payload, b"x"]
        assert len(written[1:]) == (1 if over < 0 else 2)


def test_what_was_pushed_before_a_callback_blocks_is_sent_meanwhile() -> None:
    def push(socket: Any) -> None:
        socket.push("first")
        socket.lab.block()
        socket.push("second")

    with Lab({"push": push}) as lab, lab.connect() as client:
        assert say(client, "push") == Frame(TEXT, b"first")
        assert not lab.release.is_set()
        lab.release.set()
        assert client.frame() == Frame(TEXT, b"second")


@pytest.mark.parametrize("size", [1, 1000, 20_000, 500_000])
def test_a_busy_socket_is_read_for_up_to_a_bound_and_loses_nothing(size: int) -> None:
    count = 5_000_000 // max(size, 500)
    texts = [f"{number:0{size}}" for number in range(count)]
    with Lab(max_send_queue=16_000_000) as lab, lab.connect() as client:
        client.send(frame(TEXT, "block"))
        assert lab.entered.wait(5)
        sending = gevent.spawn(client.send, b"".join(frame(TEXT, text) for text in texts))
        inbox, stream = lab.sockets[0].actor_inbox, lab.sockets[0].transport.stream
        eventually(lambda: stream.paused)
        lab.wait_read()
        held = [item for item in inbox.items if type(item) is str]
        one_read = READ_SIZE // (size + 6) + 1
        assert sum(map(len, held)) <= MAX_WAITING_BYTES + one_read * size
        assert len(held) <= MAX_WAITING_EVENTS + one_read
        lab.release.set()
        assert [client.frame().payload.decode() for _ in texts] == texts
        sending.get(timeout=5)
        assert lab.seen == ["block", *texts]


BOUND = MAX_WAITING_BYTES - 30_000


@pytest.mark.parametrize(
    ("texts", "paused"),
    [
        (["x"] * (MAX_WAITING_EVENTS - 1), False),
        (["x"] * MAX_WAITING_EVENTS, False),
        (["x"] * (MAX_WAITING_EVENTS + 1), True),
        (["x" * 30_000, "x" * (BOUND - 1)], False),
        (["x" * 30_000, "x" * BOUND], False),
        (["x" * 30_000, "x" * (BOUND + 1)], True),
    ],
)
def test_a_busy_socket_is_not_read_for_beyond_its_limits(texts: list[str], paused: bool) -> None:
    with Lab() as lab, lab.connect() as client:
        client.send(frame(TEXT, "block"))
        assert lab.entered.wait(5)
        client.send(b"".join(frame(TEXT, text) for text in texts))
        lab.wait_read()
        stream = lab.sockets[0].transport.stream
        assert stream.paused is paused
        lab.release.set()
        assert [client.frame().payload.decode() for _ in texts] == texts
        assert stream.paused is False


class Restless(LabSocket):
    """Told "tell", it tells itself for ever: its mailbox is never empty at the end of a turn."""

    told = 0

    def handle_info(self, message: Any) -> Any:
        self.told += 1
        self.actor_ref.tell(message)
        gevent.sleep(0)  # the client of this test shares its thread


def make_restless(socket: Any) -> Reply:
    socket.actor_ref.tell("again")
    return Reply("restless")


@pytest.mark.parametrize(("count", "size"), [(4 * MAX_WAITING_EVENTS, 1), (30, 30_000)])
def test_a_socket_that_is_told_without_end_still_reads_its_client(count: int, size: int) -> None:
    texts = [f"{number:0{size}}" for number in range(count)]
    with Lab({"tell": make_restless}, socket_class=Restless) as lab, lab.connect() as client:
        assert say(client, "tell") == Frame(TEXT, b"restless")
        sending = gevent.spawn(client.send, b"".join(frame(TEXT, text) for text in texts))
        assert [client.frame().payload.decode() for _ in texts] == texts
        sending.get(timeout=5)
        before = lab.sockets[0].told
        assert say(client, "one more") == Frame(TEXT, b"one more")
        assert lab.sockets[0].told > before


def test_a_silent_client_of_a_socket_that_is_told_without_end_is_idle() -> None:
    on = {"tell": make_restless}
    with Lab(on, socket_class=Restless, timeout=0.5) as lab, lab.connect() as client:
        assert say(client, "tell") == Frame(TEXT, b"restless")
        assert say(client, "x") == Frame(TEXT, b"x")
        assert client.frame().code == 1001
        assert lab.reason() == Shutdown("timeout")


# -- clients that do not read (B3, B11)


def test_of_a_flood_of_pings_an_unread_client_gets_the_last_answered() -> None:
    count = 100_000
    with Lab(max_control_rate=count) as lab, lab.connect() as client:
        pings = b"".join(frame(PING, f"{number:0125}") for number in range(count))
        client.send(pings)
        lab.wait_read()
        stream = lab.sockets[0].transport.stream
        assert 0 < stream.queued < 131_072  # what the kernel did not take of one pong, and no more
        last = client.frame()
        answered = 1
        while int(last.payload) < count - 1:
            last = client.frame()
            answered += 1
        assert answered < count
        assert say(client, "still here") == Frame(TEXT, b"still here")


def test_pings_of_a_busy_socket_are_answered_at_once() -> None:
    with Lab() as lab, lab.connect() as client:
        client.send(frame(TEXT, "block"))
        assert lab.entered.wait(5)
        client.send(frame(PING, b"p"))
        assert client.frame() == Frame(PONG, b"p")


def test_a_client_that_reads_slowly_is_1008_and_ten_others_are_served_meanwhile() -> None:
    rounds, payload = 150, "x" * 65_536
    with Lab(max_send_queue=1_000_000, close_timeout=1.0) as lab:
        stuck = lab.connect()
        healthy = [lab.connect() for _ in range(10)]
        for client in healthy:
            assert say(client, "ready") == Frame(TEXT, b"ready")
        frames = [0] * len(healthy)

        def read(index: int) -> None:
            for _ in range(rounds):
                assert healthy[index].frame().payload == payload.encode()
                frames[index] += 1

        readers = [gevent.spawn(read, index) for index in range(len(healthy))]
        for number in range(rounds):
            for socket in lab.sockets:
                if socket.exit_reason is None:
                    socket.actor_ref.tell(lambda _: Push(payload))
            eventually(lambda: min(frames) >= number)  # at the healthy ones' pace  # noqa: B023
        gevent.joinall(readers, timeout=20, raise_error=True)
        assert frames == [rounds] * 10
        assert lab.reason() == Shutdown("slow_consumer")
        assert lab.reasons.empty()
        received = stuck.read_to_end()
        assert len(received) < rounds * len(payload)
        for client in [stuck, *healthy]:
            client.close()


def test_a_slow_client_that_reads_on_is_told_1008() -> None:
    with (
        Lab({"much": lambda _: Reply("x" * 12_000_000)}, max_send_queue=1_000_000) as lab,
        lab.connect() as client,
    ):
        client.send(frame(TEXT, "much"))
        assert lab.reason() == Shutdown("slow_consumer")
        assert client.frame().opcode == TEXT
        assert client.frame() == Frame(CLOSE, b"\x03\xf0slow consumer")


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_the_send_queue_may_be_as_long_as_its_limit_and_a_byte_more_is_1008(over: int) -> None:
    with (
        Lab({"much": lambda _: Reply("x" * 12_000_000)}, max_send_queue=20_000_000) as lab,
        lab.connect() as client,
    ):
        client.send(frame(TEXT, "much"))
        lab.wait_read()
        socket = lab.sockets[0]
        queued = socket.transport.stream.queued + len(b"\x81\x01x")
        # What the kernel took is not known before: the limit is set by what it left.
        socket.transport._options = WebSocketOptions(max_send_queue=queued - over)
        socket.actor_ref.tell(lambda _: Push("x"))
        lab.wait_read()
        assert socket.exit_reason == (Shutdown("slow_consumer") if over > 0 else None)


def test_a_client_that_takes_nothing_for_send_timeout_is_dropped() -> None:
    with (
        Lab(
            {"much": lambda _: Reply("x" * 12_000_000)}, max_send_queue=20_000_000, send_timeout=0.2
        ) as lab,
        lab.connect() as client,
    ):
        client.send(frame(TEXT, "much"))
        assert lab.reason() == CLOSED
        lab.wait_closed()


def test_no_ping_is_queued_behind_what_a_client_does_not_read() -> None:
    with (
        Lab(
            {"much": lambda _: Reply("x" * 12_000_000)},
            max_send_queue=20_000_000,
            ping_interval=0.02,
        ) as lab,
        lab.connect() as client,
    ):
        client.send(frame(TEXT, "much"))
        with lab.connect() as other:
            for _ in range(5):
                assert other.frame() == Frame(PING, b"")
        queued = lab.sockets[0].transport.stream.queued
        with lab.connect() as other:
            for _ in range(5):
                assert other.frame() == Frame(PING, b"")
        assert lab.sockets[0].transport.stream.queued == queued > 0


# -- one timer and no greenlet a connection (B13)


def test_ten_thousand_pongs_make_no_greenlet_and_no_timer() -> None:
    with Lab(max_control_rate=100_000, ping_interval=30.0) as lab, lab.connect() as client:
        assert say(client, "warm") == Frame(TEXT, b"warm")
        before = timers() | greenlets()
        client.send(frame(PONG, b"x") * 10_000)
        assert say(client, "done") == Frame(TEXT, b"done")
        assert not (timers() | greenlets()) - before


def test_an_idle_connection_has_one_timer_and_no_greenlet() -> None:
    with Lab(timeout=60.0, ping_interval=30.0) as lab, lab.connect() as first:
        assert say(first, "warm") == Frame(TEXT, b"warm")
        before = timers() | greenlets()
        clients = [lab.connect() for _ in range(20)]
        for client in clients:
            assert say(client, "x") == Frame(TEXT, b"x")
        assert len(timers() - before) == 20
        assert not greenlets() - before
        for client in clients:
            client.close()
        for _ in clients:
            lab.reason()
        assert not (timers() | greenlets()) - before


def test_a_request_that_is_refused_has_no_timer_left() -> None:
    with Lab(timeout=60.0) as lab:
        before = timers() | greenlets()
        with Client(lab.served.address) as client:
            client.send(upgrade(TARGET, sec_websocket_version="8"))
            assert client.answer().status == 400
        lab.wait_closed()
        assert not (timers() | greenlets()) - before


# -- compression, negotiated over the wire


def test_compression_is_negotiated_and_used_both_ways() -> None:
    offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
    with Lab(compress=True) as lab, Client(lab.served.address) as client:
        answer = client.upgrade(TARGET, offer)
        assert answer.headers["sec-websocket-extensions"] == (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover;"
            " client_max_window_bits=12"
        )
        peer = Deflate(12, 15, 25, 1_048_576)
        for text in (b"Hello" * 100, b"", b"\xc3\xa9"):
            client.send(frame(TEXT, peer.compress(text), rsv=4))
            received = client.frame()
            assert (received.opcode, received.rsv) == (TEXT, 4)
            assert peer.inflate(received.payload, 1000) == text
        assert lab.seen == ["Hello" * 100, "", "\u00e9"]


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        ({}, ["Sec-WebSocket-Extensions: permessage-deflate"]),
        ({"compress": True}, []),
        ({"compress": True}, ["Sec-WebSocket-Extensions: permessage-deflate; unknown"]),
        ({"compress": True}, ["Sec-WebSocket-Extensions: ;"]),
    ],
)
def test_without_an_agreement_a_compressed_message_is_1002(
    options: dict[str, Any], lines: list[str]
) -> None:
    with Lab(**options) as lab, Client(lab.served.address) as client:
        assert "sec-websocket-extensions" not in client.upgrade(TARGET, *lines).headers
        assert say(client, "x" * 200) == Frame(TEXT, b"x" * 200)
        client.send(frame(TEXT, b"\x00", rsv=4))
        assert client.frame().code == 1002
