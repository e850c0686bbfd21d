"""The frames between workers, in the protocol of this release and of the one before."""

from __future__ import annotations

from typing import Any

import pytest

from actors.packets import FrameError, FrameReader, frame, pack, unpack
from actors.pubsub import wire
from tests.actors.pubsub.before import recorded

POST = ["post", 9, "1", "lp:0123", ["text", b"\x00"]]


def read(protocol: str, *messages: wire.Message, first: int = 1) -> list[Any]:
    """Return what the other side reads of messages that are written together."""
    numbered, number = [], first
    for message in messages:
        numbered.append((number, message))
        number += 1 + message.parts
    return FrameReader().feed(b"".join(wire.frames(protocol, numbered)))


def test_messages_as_they_are_now():
    packed = pack({"a": 1})
    assert read(
        wire.PROTOCOL,
        wire.broadcast("me", 7, "event", "t", packed),
        wire.broadcast("me", 0, "plain", "t", packed),
        wire.notify("longpoll", POST),
        wire.request(5, "longpoll", POST),
        wire.reply(5, None),
        first=300,
    ) == [
        ["broadcast", 300, "me", 7, "event", "t", packed],
        ["broadcast", 301, "me", 0, "plain", "t", packed],
        ["notify", 302, "longpoll", POST],
        ["request", 303, 5, "longpoll", POST],
        ["reply", 304, 5, None],
    ]


def test_messages_are_those_that_the_release_before_wrote(monkeypatch):
    frames = dict(recorded())
    greeting = wire.greeting(wire.BEFORE, "old", 1, 0)
    assert greeting == frames.pop("greeting")
    monkeypatch.setattr(wire, "MAX_FRAME", 120)
    monkeypatch.setattr(wire, "PART", 100)
    hello = pack({"event": "hello", "count": 1})
    messages = [
        wire.broadcast("old", 1, "plain", "t", hello),
        wire.broadcast("old", 0, "plain", "t", pack("for you alone")),
        wire.request(1, "longpoll", ["poll", 7, "1", "lp:0123", 3]),
        wire.reply(5, ["answer", 200, b'{"status":200}']),
        wire.broadcast("old", 2, "plain", "t", pack("x" * 150)),
    ]
    written = b"".join(wire.frames(wire.BEFORE, enumerate(messages, 1)))
    assert written == b"".join(data for name, data in recorded() if name != "greeting")


def test_notice_is_a_request_of_no_number_to_the_release_before():
    assert read(wire.BEFORE, wire.notify("longpoll", POST)) == [["request", 1, 0, "longpoll", POST]]


@pytest.mark.parametrize("protocol", [wire.PROTOCOL, wire.BEFORE])
@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_what_does_not_fit_into_a_frame_is_cut(monkeypatch, protocol, extra):
    small, large = wire.notify("k", b"x"), wire.notify("k", b"x" * 500)
    monkeypatch.setattr(wire, "MAX_FRAME", large.size - extra)
    monkeypatch.setattr(wire, "PART", 200)
    large = wire.notify("k", b"x" * 500)
    assert large.parts == (3 if extra > 0 else 0)
    messages = read(protocol, small, large, small)
    if extra > 0:
        assert [message[:2] for message in messages[1:-1]] == [
            ["part", 2], ["part", 3], ["part", 4], ["whole", 5]
        ]  # fmt: skip
        messages[1:-1] = [unpack(b"".join(message[2] for message in messages[1:-2]))]
    numbers = [1, 2, 6 if extra > 0 else 3]
    if protocol == wire.BEFORE:
        messages = [wire.modern("me", message) for message in messages]
    assert messages == [
        ["notify", number, "k", b"x" * size]
        for number, size in zip(numbers, (1, 500, 1), strict=True)
    ]


@pytest.mark.parametrize(("extra", "taken"), [(-1, True), (0, True), (1, False)])
def test_message_has_a_bound(monkeypatch, extra, taken):
    monkeypatch.setattr(wire, "MAX_WHOLE", wire.notify("k", b"x" * 500).size)
    if taken:
        assert wire.notify("k", b"x" * (500 + extra)).parts == 0
    else:
        with pytest.raises(ValueError, match="over "):
            wire.notify("k", b"x" * (500 + extra))


@pytest.mark.parametrize("make", [
    lambda body: wire.notify("k", body),
    lambda body: wire.request(1, "k", body),
    lambda body: wire.reply(1, body),
])  # fmt: skip
def test_body_that_could_not_be_read_is_refused(make):
    with pytest.raises(TypeError, match="plain values"):
        make([{1: 2}])


def test_number_of_the_last_broadcast_is_nothing_to_the_release_before():
    said = wire.position("me", 9)
    assert read(wire.PROTOCOL, said) == [["position", 1, "me", 9]]
    assert read(wire.BEFORE, said) == [["request", 1, 0, "position", None]]


def test_greetings():
    now = wire.greeting(wire.PROTOCOL, "me", 4, 9)
    assert now == frame(pack(["roost.bus.2", "me", 4, {"published": 9}]))
    for later, published in (
        ({"published": 9}, 9),
        ({"later": [1]}, None),
        ({"published": "x"}, None),
    ):
        greeting = wire.greeted(["roost.bus.2", "me", 4, later])
        assert greeting == ("roost.bus.2", "me", 4, published)
    assert wire.greeted(["roost.bus.1", "me", 4]) == ("roost.bus.1", "me", 4, None)


@pytest.mark.parametrize("message", [
    "hello", [], ["roost.bus.0", "me", 1], ["roost.bus.3", "me", 1, {}], ["roost.bus.2", "me", 1],
    ["roost.bus.1", "me", 1, {}], ["roost.bus.2", 7, 1, {}], ["roost.bus.2", "me", "1", {}],
    ["roost.bus.2", "me", 1, {}, {}],
])  # fmt: skip
def test_what_is_no_greeting(message):
    with pytest.raises(FrameError, match="not a greeting"):
        wire.greeted(message)


def test_messages_of_the_release_before_as_they_are_now():
    assert wire.modern("w", ["broadcast", 1, "t", b"x"]) == [
        "broadcast", 1, "w", 0, "plain", "t", b"x"
    ]  # fmt: skip
    assert wire.modern("w", ["request", 1, 0, "k", "b"]) == ["notify", 1, "k", "b"]
    assert wire.modern("w", ["request", 1, 2, "k", "b"]) == ["request", 1, 2, "k", "b"]
    assert wire.modern("w", ["reply", 1, 2, "b"]) == ["reply", 1, 2, "b"]


@pytest.mark.parametrize(
    "message", [["notify", 1, "k", "b"], ["news", 1], ["broadcast", 1, "t"], 7]
)
def test_release_before_has_no_other_messages(message):
    with pytest.raises(FrameError, match=r"not a message of roost\.bus\.1"):
        wire.modern("w", message)
