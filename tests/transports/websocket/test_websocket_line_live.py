"""Whatever a client's bytes are cut into, a served connection hands on the same, in both builds."""

from __future__ import annotations

import gc
import os
import random
import sys
from contextlib import ExitStack
from select import EPOLLIN
from typing import Any

import gevent
import pytest
from gevent.event import Event

from actors.runtime import get_dispatcher
from tests.support.raw import BINARY, CLOSE, PING, PONG, TEXT, Client, frame, upgrade
from tests.support.waiting import eventually
from tests.transports.websocket.lab import TARGET, Lab, say

CONT = 0


def conversation(chance: random.Random) -> tuple[bytes, list[Any]]:
    """Return what a client sends, and what is to come back: messages as they are, and pongs."""
    sent, wanted = b"", []
    for _ in range(chance.randint(1, 12)):
        kind = chance.choice(["text", "text", "text", "wide", "binary", "ping", "parts", "large"])
        size = chance.choice([0, 1, 5, 125, 126, 300])
        if kind in {"text", "wide", "large"}:
            letter = "ü" if kind == "wide" else "x"
            message = letter * (70_000 if kind == "large" else size)
            sent += frame(TEXT, message)
            wanted.append((TEXT, message.encode()))
        elif kind == "binary":
            sent += frame(BINARY, bytes(size))
            wanted.append((BINARY, bytes(size)))
        elif kind == "ping":
            sent += frame(PING, b"?")
            wanted.append((PONG, b"?"))
        else:
            sent += frame(TEXT, "one", fin=False) + frame(PING, b"!") + frame(CONT, "two")
            wanted += [(PONG, b"!"), (TEXT, b"onetwo")]
    return sent, wanted


@pytest.mark.parametrize("seed", range(40))
def test_where_it_is_cut_does_not_matter(seed: int) -> None:
    chance = random.Random(seed)
    with Lab() as lab, lab.connect() as client:
        for _ in range(5):
            sent, wanted = conversation(chance)
            while sent:
                size = chance.choice([1, 2, 3, 7, 50, 2048, 70_000])
                client.send(sent[:size])
                sent = sent[size:]
                gevent.sleep(0)
            got = [client.frame() for _ in wanted]
            # A pong leaves at once, and an answer when its turn ends.
            for kinds in ({PONG}, {TEXT, BINARY}):
                assert [(each.opcode, each.payload) for each in got if each.opcode in kinds] == [
                    each for each in wanted if each[0] in kinds
                ]


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (b"\x81\x81\0\0\0\0\xff", 1007),
        (b"\xc1\x80\0\0\0\0", 1002),
        (b"\x81\x00", 1002),
        (b"\x81\xfe\x00\x05\0\0\0\0hello", 1002),
        (frame(TEXT, "x" * 2001), 1009),
    ],
)
def test_what_came_before_a_breach_is_handled(broken: bytes, code: int) -> None:
    with Lab(max_message_size=2000) as lab, lab.connect() as client:
        client.send(frame(TEXT, "a") + frame(BINARY, b"b") + broken + frame(TEXT, "never"))
        assert [client.frame().payload for _ in range(2)] == [b"a", b"b"]
        last = client.frame()
        assert (last.opcode, last.payload[:2]) == (CLOSE, code.to_bytes(2, "big"))
        assert lab.seen == ["a", b"b"]


def test_it_works_while_it_is_traced() -> None:
    calls: list[str] = []

    def trace(frame: Any, event: str, argument: Any) -> Any:
        if event == "call" and frame.f_code.co_name == "handle_in":
            calls.append(event)
        return trace

    with Lab() as lab, lab.connect() as client:
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            client.send(frame(TEXT, "a"))
            assert client.frame().payload == b"a"
        finally:
            sys.settrace(before)
        eventually(lambda: lab.seen == ["a"])


class Blocks:
    """Garbage whose finalizer blocks: whatever waits for a lock does."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        gc.set_threshold(*THRESHOLDS)
        gevent.sleep(0.002)


THRESHOLDS = gc.get_threshold()


def test_a_finalizer_that_blocks_amid_a_read_mixes_up_no_clients() -> None:
    kept: list[Any] = []
    reading, writing = os.pipe()
    dispatcher = get_dispatcher()

    def collect_soon(mask: int) -> None:
        """Have the collector run at the next allocation of a list, in the read behind this one."""
        os.read(reading, 1)
        kept.append([[] for _ in range(300)])  # so that no list is kept for reuse
        Blocks()
        gc.set_threshold(1)

    dispatcher.register(reading, EPOLLIN, collect_soon)
    try:
        with Lab() as lab, ExitStack() as stack:
            clients = [stack.enter_context(lab.connect()) for _ in range(6)]
            for client in clients:
                assert say(client, "hello").payload == b"hello"
            for turn in range(30):
                os.write(writing, b"x")
                for number, client in enumerate(clients):
                    client.send(frame(TEXT, f"{turn} {number} " + "ABCDEF"[number] * 20))
                for number, client in enumerate(clients):
                    wanted = f"{turn} {number} " + "ABCDEF"[number] * 20
                    assert client.frame().payload == wanted.encode()
    finally:
        gc.set_threshold(*THRESHOLDS)
        dispatcher.unregister(reading)
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("limit", [2**31, 2**63, 10**30])
def test_limits_that_no_machine_reaches(limit: int) -> None:
    options = {"max_message_size": limit, "max_frame_size": limit, "max_send_queue": limit}
    with Lab(**options) as lab, lab.connect() as client:
        assert say(client, "hello").payload == b"hello"
        assert say(client, "again").payload == b"again"


def test_a_client_that_is_gone_before_it_is_let_in_leaves_no_handler() -> None:
    dispatcher = get_dispatcher()
    before = set(dispatcher.handlers)
    entered, release = Event(), Event()

    def wait(_: Any) -> None:
        entered.set()
        assert release.wait(20)

    with Lab(on_init=wait) as lab:
        client = Client(lab.served.address)
        client.send(upgrade(TARGET))
        assert entered.wait(20)
        client.reset()
        lab.wait_closed()
        release.set()
        lab.reason()
        assert -1 not in dispatcher.handlers
    assert set(dispatcher.handlers) <= before
