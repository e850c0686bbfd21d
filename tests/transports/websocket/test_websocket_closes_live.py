"""How a connection ends, over real sockets: which code goes out, and who waits how long."""

from __future__ import annotations

import gc
import logging
import sys
import time
from typing import Any

import gevent
import pytest

from actors import Push, Reply, Stop
from actors.errors import ProtocolError
from actors.reasons import CLOSED, NORMAL, SHUTDOWN, Closed, Crash, Failure, Shutdown
from tests.support.alive import timers
from tests.support.held import Held
from tests.support.raw import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Frame,
    close_frame,
    frame,
)
from tests.transports.websocket.lab import Lab, LabSocket, say
from transports.websocket import connection

LONG = 30.0
"""Seconds that no test waits for: what would end by this deadline ended for another reason."""


def crash(_: Any) -> None:
    raise ValueError("secret of the application")


def leave(_: Any) -> None:
    sys.exit(3)


ACTIONS = {
    "stop": lambda _: Stop(),
    "stop 4001": lambda _: Stop(code=4001, detail="gr\u00fcn"),
    "stop with pushes": lambda _: Stop(push=[Push("one"), Push(b"two")]),
    "shutdown": lambda _: Stop(SHUTDOWN),
    "disconnect": lambda _: Stop(Shutdown("disconnected")),
    "restart": lambda _: Stop(Shutdown("restart")),
    "other reason": lambda _: Stop("other"),
    "crash": crash,
    "exit": leave,
    "surrogate": lambda _: Reply("\ud800"),
    "bytes as text": lambda _: Reply(b"\xff", opcode=TEXT),
    "no result": lambda _: 7,
    "no payload": lambda _: Reply({"a": 1}),
    "list with a stop": lambda _: [Stop(), Reply("x")],
    "bad code": lambda _: Stop(code=1006),
    "stop with a bad push": lambda _: Stop(push=[Push("\ud800")]),
    "stop that pushes a stop": lambda _: Stop(push=[Stop(code=4000)]),
    "long ping": lambda _: Push(b"x" * 126, opcode=PING),
}


@pytest.mark.parametrize(
    ("text", "code", "detail"),
    [
        ("stop", 1000, ""),
        ("stop 4001", 4001, "gr\u00fcn"),
        ("shutdown", 1001, ""),
        ("disconnect", 1001, ""),
        ("restart", 1012, ""),
        ("other reason", 1011, ""),
        ("crash", 1011, ""),
        ("exit", 1011, ""),
        ("surrogate", 1011, ""),
        ("bytes as text", 1011, ""),
        ("no result", 1011, ""),
        ("no payload", 1011, ""),
        ("list with a stop", 1011, ""),
        ("bad code", 1011, ""),
        ("stop with a bad push", 1011, ""),
        ("stop that pushes a stop", 1011, ""),
        ("long ping", 1011, ""),
    ],
)
def test_what_the_socket_does_has_its_code_and_ends_that_connection_alone(
    text: str, code: int, detail: str
) -> None:
    with Lab(ACTIONS) as lab, lab.connect() as other, lab.connect() as client:
        answer = say(client, text)
        assert (answer.opcode, answer.code) == (CLOSE, code)
        assert answer.payload[2:].decode() == detail
        client.send(close_frame(code))
        assert client.read_to_end() == b""
        lab.reason()
        assert say(other, "still here") == Frame(TEXT, b"still here")
        assert lab.reasons.empty()


def test_what_was_delivered_before_a_crash_goes_out_first() -> None:
    with Lab(ACTIONS) as lab, lab.connect() as client:
        client.send(frame(TEXT, "one") + frame(TEXT, "crash") + frame(TEXT, "late"))
        assert [client.frame().payload for _ in range(2)] == [b"one", b"\x03\xf3"]
        assert isinstance(lab.reason(), Crash)
        assert lab.seen == ["one", "crash"]


def test_the_pushes_of_a_stop_go_out_first() -> None:
    with Lab(ACTIONS) as lab, lab.connect() as client:
        assert say(client, "stop with pushes") == Frame(TEXT, b"one")
        assert client.frame() == Frame(BINARY, b"two")
        assert client.frame().code == 1000
        assert lab.reason() == NORMAL


def test_a_crash_is_one_log_line_and_nothing_of_it_reaches_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with Lab(ACTIONS) as lab, lab.connect() as client:
        assert say(client, "crash") == Frame(CLOSE, b"\x03\xf3")
        lab.reason()
    assert len([r for r in caplog.records if r.levelno >= logging.WARNING]) == 1


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(TEXT, "x", mask=None), 1002),
        (frame(3), 1002),
        (frame(TEXT, "x", rsv=4), 1002),
        (frame(0, "x"), 1002),
        (frame(PING, "x" * 126), 1002),
        (frame(TEXT, "a", fin=False) + frame(TEXT, "b"), 1002),
        (frame(CLOSE, b"\x03"), 1002),
        (close_frame(1005), 1002),
        (b"\x81\xff\x80" + bytes(7), 1002),
        (frame(TEXT, b"\xff"), 1007),
        (frame(CLOSE, b"\x03\xe8\xff"), 1007),
        (frame(TEXT, "x" * 1001)[:4], 1009),
        (b"\x82\xff\x40" + bytes(7), 1009),
        (frame(TEXT, "x" * 600, fin=False) + frame(0, "x" * 401), 1009),
        (frame(TEXT, "x", fin=False) + frame(0, "x", fin=False) * 4, 1008),
        (frame(TEXT, "x", fin=False) + frame(0, "", fin=False) * 3, 1008),
        (frame(PING, "x") * 21, 1008),
    ],
)
def test_a_client_that_breaks_a_rule_is_told_which_and_ends_with_it(
    sent: bytes, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LINGER_AFTER_FAILURE", 0.1)
    limits = {
        "max_frame_size": 1000,
        "max_message_size": 1000,
        "max_fragments": 4,
        "max_empty_fragments": 2,
        "max_control_rate": 2,
    }
    with Lab(close_timeout=LONG, **limits) as lab, lab.connect() as client:
        assert say(client, "before") == Frame(TEXT, b"before")
        client.send(sent)
        answer = client.frame()
        while answer.opcode == PONG:
            answer = client.frame()
        assert (answer.opcode, answer.code) == (CLOSE, code)
        assert client.read_to_end() == b""  # our FIN comes at once
        reason = lab.reason()
        assert isinstance(reason, Failure)
        assert isinstance(reason.detail, ProtocolError)
        lab.wait_closed()
        assert lab.reasons.empty()
        assert lab.seen == ["before"]


def test_a_failed_client_that_says_nothing_is_not_waited_for() -> None:
    with Lab(close_timeout=LONG) as lab, lab.connect() as client:
        client.send(frame(3))
        start = time.monotonic()
        assert client.frame().code == 1002
        lab.wait_closed(connection.LINGER_AFTER_FAILURE + 2)
        assert time.monotonic() - start < connection.LINGER_AFTER_FAILURE + 2


def test_a_failed_client_that_goes_on_talking_still_reads_why() -> None:
    with Lab() as lab, lab.connect() as client:
        client.send(frame(TEXT, b"\xff") + frame(TEXT, "x" * 60_000) * 3)
        assert client.frame().code == 1007
        assert client.read_to_end() == b""
        assert lab.seen == []


# -- the client's Close


@pytest.mark.parametrize(
    ("sent", "answer", "reason"),
    [
        (close_frame(1000, "bye"), b"\x03\xe8", Closed(1000, "bye")),
        (close_frame(None), b"", Closed(1005)),
        (close_frame(1001), b"\x03\xe9", Closed(1001)),
        (close_frame(1012), b"\x03\xf4", Closed(1012)),
        (close_frame(4999), b"\x13\x87", Closed(4999)),
    ],
)
def test_the_clients_close_is_answered_with_its_code(
    sent: bytes, answer: bytes, reason: Closed
) -> None:
    with Lab(close_timeout=LONG) as lab, lab.connect() as client:
        client.send(frame(TEXT, "last words") + sent)
        assert client.frame() == Frame(TEXT, b"last words")
        assert client.frame() == Frame(CLOSE, answer)
        assert client.read_to_end() == b""
        assert lab.reason() == reason
        lab.wait_closed(connection.LINGER_AFTER_FAILURE / 2)
        assert lab.reasons.empty()


def test_what_follows_the_clients_close_is_ignored() -> None:
    with Lab() as lab, lab.connect() as client:
        client.send(close_frame(1000) + frame(TEXT, "late") + frame(PING, "late") + b"\xff" * 50)
        assert client.frame() == Frame(CLOSE, b"\x03\xe8")
        assert client.read_to_end() == b""
        assert lab.reason() == Closed(1000)
        assert lab.seen == []


@pytest.mark.parametrize("size", [1, 4000, 60_000])
def test_the_answer_to_a_close_is_not_overtaken_by_a_reset(size: int) -> None:
    """Which what is not read would cause: RFC 6455 §7.1.1 wants the connection closed cleanly."""
    with Lab() as lab, lab.connect() as client:
        client.send(close_frame(1000) + b"x" * size)
        assert client.frame() == Frame(CLOSE, b"\x03\xe8")
        assert client.sock.recv(1) == b""  # an error after a reset


def test_a_close_waits_for_the_socket_that_is_busy() -> None:
    with Lab() as lab, lab.connect() as client:
        client.send(frame(TEXT, "block") + frame(TEXT, "next") + close_frame(1000))
        assert lab.entered.wait(5)
        lab.wait_read()
        lab.release.set()
        assert [client.frame().payload for _ in range(2)] == [b"next", b"\x03\xe8"]
        assert lab.reason() == Closed(1000)


def test_a_stop_that_crosses_the_clients_close_ends_both() -> None:
    def stop(_: Any) -> Stop:
        lab.block()
        return Stop(code=4000)

    with Lab({"stop": stop}, close_timeout=LONG) as lab, lab.connect() as client:
        client.send(frame(TEXT, "stop") + close_frame(1000))
        assert lab.entered.wait(5)
        lab.wait_read()
        lab.release.set()
        assert client.frame().code == 4000
        assert client.read_to_end() == b""
        assert lab.reason() == NORMAL
        lab.wait_closed()


# -- our Close


def test_the_clients_answer_to_our_close_ends_the_connection() -> None:
    with Lab(ACTIONS, close_timeout=LONG) as lab, lab.connect() as client:
        assert say(client, "stop").code == 1000
        client.send(frame(TEXT, "late") + frame(PING, "late") + close_frame(1000))
        assert client.read_to_end() == b""
        lab.wait_closed()
        assert lab.seen == ["stop"]


def test_a_client_that_does_not_answer_our_close_is_waited_for_close_timeout() -> None:
    with Lab(ACTIONS, close_timeout=0.2) as lab, lab.connect() as client:
        start = time.monotonic()
        assert say(client, "stop").code == 1000
        assert client.read_to_end() == b""
        assert 0.1 < time.monotonic() - start < 3
        lab.wait_closed()


@pytest.mark.parametrize("rest", [frame(3), frame(TEXT, "x", mask=None)])
def test_a_client_that_answers_our_close_with_nonsense_is_dropped(rest: bytes) -> None:
    with Lab(ACTIONS, close_timeout=LONG) as lab, lab.connect() as client:
        assert say(client, "stop").code == 1000
        client.send(rest)
        assert client.read_to_end() == b""
        lab.wait_closed()


@pytest.mark.parametrize("hang_up", ["end", "reset"])
def test_a_client_that_hangs_up_on_our_close_is_gone_at_once(hang_up: str) -> None:
    with Lab(ACTIONS, close_timeout=LONG) as lab, lab.connect() as client:
        assert say(client, "stop").code == 1000
        getattr(client, hang_up)()
        lab.wait_closed()
        assert lab.reason() == NORMAL
        assert lab.reasons.empty()


def push_and_block(socket: Any) -> None:
    socket.push("too late")
    socket.push("x" * 100_000)
    socket.lab.block()
    socket.push("later still")
    socket.lab.on["stop"] = None  # says that this is done


def test_nothing_follows_our_close_not_even_what_terminate_pushes() -> None:
    with Lab(ACTIONS, on_terminate=push_and_block) as lab, lab.connect() as client:
        assert say(client, "stop").code == 1000
        assert lab.entered.wait(5)
        lab.release.set()
        lab.wait_read()
        assert lab.on["stop"] is None
        client.send(close_frame(1000))
        assert client.read_to_end() == b""


def test_no_pong_that_waited_for_its_turn_follows_our_close() -> None:
    actions = {**ACTIONS, "much": lambda _: Reply("x" * 12_000_000)}
    with Lab(actions, max_send_queue=20_000_000) as lab, lab.connect() as client:
        client.send(frame(TEXT, "much") + frame(PING, "first"))
        lab.wait_read()
        client.send(frame(PING, "waits") + frame(TEXT, "stop"))
        assert lab.reason() == NORMAL
        answer = client.frame()
        while answer.opcode != CLOSE:
            assert answer.payload != b"waits"
            answer = client.frame()
        client.send(close_frame(1000))
        assert client.read_to_end() == b""


def test_a_connection_that_has_ended_leaves_no_timer() -> None:
    with Lab(ACTIONS, close_timeout=LONG) as lab:
        before = timers()
        for end in ("stop", "crash"):
            with lab.connect() as client:
                answer = say(client, end)
                client.send(frame(CLOSE, answer.payload))
                assert client.read_to_end() == b""
        lab.wait_closed()
        assert not timers() - before


# -- the server's end


def test_a_drain_is_1012_for_every_connection() -> None:
    with Lab() as lab:
        clients = [lab.connect() for _ in range(3)]
        stopping = gevent.spawn(lab.server.stop, 3)
        for client in clients:
            assert client.frame().code == 1012
            client.send(close_frame(1012))
            assert client.read_to_end() == b""
            client.close()
        assert stopping.get(timeout=5)
        assert [lab.reason() for _ in clients] == [Shutdown("restart")] * 3


def test_a_drain_does_not_overtake_what_is_being_handled() -> None:
    with Lab() as lab, lab.connect() as client:
        client.send(frame(TEXT, "first") + frame(TEXT, "block") + frame(TEXT, "never handled"))
        assert lab.entered.wait(5)
        lab.sockets[0].transport.drain()
        lab.release.set()
        assert client.frame() == Frame(TEXT, b"first")
        assert client.frame().code == 1012
        assert lab.reason() == Shutdown("restart")
        assert lab.seen == ["first", "block"]


def test_a_drained_connection_takes_nothing_more_from_its_client() -> None:
    with Lab(close_timeout=LONG) as lab, lab.connect() as client:
        assert say(client, "ready") == Frame(TEXT, b"ready")
        lab.sockets[0].transport.drain()
        assert client.frame().code == 1012
        client.send(frame(TEXT, "late") + close_frame(1012))
        assert client.read_to_end() == b""
        assert lab.seen == ["ready"]


def test_a_busy_connection_that_is_cut_short_is_told_1012_and_ends_at_once() -> None:
    with Lab(close_timeout=LONG) as lab, lab.connect() as client:
        client.send(frame(TEXT, "before") + frame(TEXT, "block"))
        assert client.frame() == Frame(TEXT, b"before")
        assert lab.entered.wait(5)
        lab.sockets[0].transport.end_now()
        assert client.frame().code == 1012
        lab.reason()  # although nobody has released it
        client.send(close_frame(1012))
        assert client.read_to_end() == b""
        assert lab.reasons.empty()


def test_an_actor_that_is_killed_drops_its_client_without_a_close() -> None:
    with Lab() as lab, lab.connect() as client:
        assert say(client, "ready") == Frame(TEXT, b"ready")
        lab.sockets[0].actor_ref.kill()
        assert client.read_to_end() == b""
        lab.reason()
        lab.wait_closed()
        assert lab.reasons.empty()


# -- time


class Ticking(LabSocket):
    """Pushes something every 20 ms."""

    def tick(self) -> Any:
        self.send_after(0.02, lambda socket: socket.tick())
        return Push("tick")


def test_an_idle_client_is_1001_and_what_it_is_sent_does_not_count() -> None:
    with (
        Lab(
            socket_class=Ticking,
            on_init=lambda socket: socket.send_after(0, lambda s: s.tick()),
            timeout=0.3,
        ) as lab,
        lab.connect() as client,
    ):
        frames = [client.frame()]
        while frames[-1].opcode != CLOSE:
            frames.append(client.frame())
        assert frames[-1].code == 1001
        assert frames[0] == frames[-2] == Frame(TEXT, b"tick")
        assert 3 < len(frames) < 100
        assert lab.reason() == Shutdown("timeout")


@pytest.mark.parametrize("sent", [frame(TEXT, "x"), frame(PONG), frame(TEXT, "x" * 500)[:1]])
def test_a_client_that_says_anything_is_not_idle(sent: bytes) -> None:
    with Lab(timeout=0.4, ping_interval=0.1) as lab, lab.connect() as client:
        start = time.monotonic()
        while time.monotonic() - start < 1.0:
            if client.frame().opcode == PING:
                client.send(sent)
        assert lab.reasons.empty()
        while (last := client.frame()).opcode != CLOSE:
            pass
        assert last.code == 1001


def test_pings_are_sent_every_ping_interval() -> None:
    with Lab(ping_interval=0.05) as lab, lab.connect() as client:
        start = time.monotonic()
        assert [client.frame() for _ in range(4)] == [Frame(PING, b"")] * 4
        assert 0.15 < time.monotonic() - start < 4
        client.send(frame(PONG))
        assert say(client, "x").opcode in (TEXT, PING)


def test_a_client_whose_socket_is_busy_is_not_idle() -> None:
    with Lab(timeout=1.0) as lab, lab.connect() as client:
        client.send(frame(TEXT, "block"))
        assert lab.entered.wait(5)
        client.send(frame(TEXT, "waits") + frame(TEXT, "x" * 70_000))
        lab.wait_read()
        stream = lab.sockets[0].transport.stream
        with lab.connect() as other:  # idle itself: its end says that a second has passed
            assert other.frame().code == 1001
        assert not stream.closing
        before = time.monotonic()
        lab.release.set()
        assert client.frame() == Frame(TEXT, b"waits")
        assert lab.sockets[0].transport.protocol.heard >= before, (
            "a whole timeout begins once it is read"
        )


def test_a_client_that_says_nothing_from_the_start_is_1001() -> None:
    with Lab(timeout=0.1) as lab, lab.connect() as client:
        assert client.frame().code == 1001
        lab.reason()


def test_without_a_timeout_there_is_no_timer() -> None:
    with Lab(timeout=None, message_timeout=None) as lab:
        before = timers()
        with lab.connect() as client:
            assert say(client, "x") == Frame(TEXT, b"x")
            assert not timers() - before
        assert lab.reason() == CLOSED


def hang_up(lab: Lab, client: Any) -> None:
    client.close()


def say_goodbye(lab: Lab, client: Any) -> None:
    client.send(close_frame(1000))
    assert client.read_to_end()
    client.close()


def be_killed(lab: Lab, client: Any) -> None:
    lab.sockets[-1].kill_now()
    client.close()


def be_killed_while_it_blocks(lab: Lab, client: Any) -> None:
    client.send(frame(TEXT, "block"))
    assert lab.entered.wait(LONG)
    be_killed(lab, client)


def parts_of(transport: Any) -> Held:
    return Held(transport, transport.stream, transport.protocol)


@pytest.mark.parametrize("end", [hang_up, say_goodbye, be_killed, be_killed_while_it_blocks])
def test_what_a_connection_was_made_of_is_freed_without_the_collector(end: Any) -> None:
    """Though its actor is still held: by its mailbox, and here by the test."""
    with Lab() as lab:
        gc.collect()
        gc.disable()
        try:
            client = lab.connect()
            assert say(client, "there") == Frame(TEXT, b"there")
            held = parts_of(lab.sockets[0].transport)
            assert len(held.left) == 3
            end(lab, client)
            lab.reason()
            held.wait_freed()
            lab.sockets[0].push("too late")
        finally:
            gc.enable()
