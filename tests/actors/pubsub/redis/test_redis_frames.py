"""Messages between machines: what is written is read, and all else is refused."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.packets import FrameError, pack
from actors.pubsub.redis import frames

HEAD = frames.head("00ff")

MESSAGES = [
    ["broadcast", "00ff-1", 7, "plain", "t", pack({"a": 1})],
    ["position", "00ff-1", 7],
    ["positions"],
    ["direct", "00ff-1", "t", "event", b"x"],
    ["notify", "00ff-1", "longpoll", ["left", 3]],
    ["request", "00ff-1", 4, "k", None],
    ["reply", "00ff-1", 4, {"a": [b"x"]}],
]


@pytest.mark.parametrize("message", MESSAGES)
def test_what_is_written_is_read(message):
    assert frames.read(frames.written(HEAD, message)) == message
    assert frames.read(frames.to_one(HEAD, message)) == message


def test_names():
    assert frames.machine_of("00ff-12") == "00ff"
    assert frames.machine_of("nobody") == ""
    assert frames.channels("roost", "00ff-1") == ("roost:b", "roost:w:00ff-1")
    assert HEAD == b"roost.redis.1 00ff "


@pytest.mark.parametrize(("data", "name"), [
    (b"roost.redis.2 00ff whatever", "roost.redis.2"),
    (b"roost.redis.", "roost.redis."),
    (b"roost.redis.\xff\n 1", r"roost.redis.\xff\n"),
    (frames.written(HEAD, ["news", 1, 2]), "news"),
    (frames.written(HEAD, ["n" * 500]), "n" * 80),
])  # fmt: skip
def test_what_a_newer_worker_says_is_passed_over(data, name):
    with pytest.raises(frames.UnknownFrame) as told:
        frames.read(data)
    assert str(told.value) == name


@pytest.mark.parametrize("data", [
    b"", b"hello", b"roost.redis.1", b"roost.redis.1 00ff", b"roost.redis.1 00ff ",
    b'{"event": "x"}', b"x" * 1000, HEAD + b"\xc1", HEAD + b"\x90", HEAD + b"\x01",
    frames.written(HEAD, [7]), frames.written(HEAD, {"broadcast": 1}),
    *(frames.written(HEAD, message[:-1]) for message in MESSAGES if len(message) > 1),
    *(frames.written(HEAD, [*message, 1]) for message in MESSAGES),
    frames.written(HEAD, ["broadcast", "p", "7", "plain", "t", b"x"]),
    frames.written(HEAD, ["broadcast", "p", True, "plain", "t", b"x"]),
    frames.written(HEAD, ["broadcast", b"p", 7, "plain", "t", b"x"]),
    frames.written(HEAD, ["broadcast", "p", 7, "plain", "t", "x"]),
    HEAD + msgpack.packb(msgpack.ExtType(1, b"x")),
])  # fmt: skip
def test_what_is_no_message(data):
    with pytest.raises(FrameError):
        frames.read(data)


def test_body_that_is_too_large_or_not_plain_is_the_callers_error():
    with pytest.raises(ValueError, match="over"):
        frames.to_one(HEAD, ["notify", "w", "k", b"x" * frames.MAX_MESSAGE])
    with pytest.raises(TypeError, match="plain"):
        frames.to_one(HEAD, ["notify", "w", "k", object()])


@given(st.binary(max_size=200), st.booleans())
def test_anything_is_a_message_or_refused(data, ours):
    try:
        assert isinstance(frames.read(HEAD + data if ours else data), list)
    except (FrameError, frames.UnknownFrame):
        pass
