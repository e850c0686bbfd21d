"""Whatever a client's bytes are cut into, a served connection hands on the same, in both builds."""

from __future__ import annotations

import random
import sys
from typing import Any

import gevent
import pytest

from tests.support.raw import BINARY, CLOSE, PING, PONG, TEXT, frame
from tests.support.waiting import eventually
from tests.transports.websocket.lab import Lab

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
