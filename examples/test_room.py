from __future__ import annotations

import pytest

from actors.testing import Channels, Clock, Refused, Room
from examples.room import UserSocket


@pytest.fixture
def room(channels: Channels) -> Room:
    socket = channels.connect(UserSocket, params={"user": "ada"})
    reply, room = socket.subscribe_and_join("room:1")
    assert reply == {"room": "1"}
    return room


def test_who_is_nobody_is_refused(channels: Channels) -> None:
    with pytest.raises(Refused) as refused:
        channels.connect(UserSocket)
    assert refused.value.reason == "user required"


def test_not_everybody_may_join(channels: Channels) -> None:
    socket = channels.socket(UserSocket, {"user": "eve"})  # as if connect had said so
    with pytest.raises(Refused) as refused:
        socket.subscribe_and_join("room:staff")
    assert refused.value.reason == {"reason": "staff only"}


def test_all_hear_what_one_says(channels: Channels, room: Room) -> None:
    eve = channels.connect(UserSocket, params={"user": "eve"})
    _, theirs = eve.subscribe_and_join("room:1")
    ref = room.push("say", {"body": "hello"})
    room.assert_reply(ref, "ok")
    theirs.assert_push("said", {"user": "ada", "body": str})
    room.assert_broadcast("said", {"body": "hello"})
    room.assert_push("came", {"user": "eve"})
    theirs.refute_push("came")


def test_nothing_is_not_said(room: Room) -> None:
    ref = room.push("say", {"body": ""})
    room.assert_reply(ref, "error", {"reason": "empty"})
    room.refute_broadcast("said")


def test_who_is_quiet_is_asked_after_a_minute(room: Room, clock: Clock) -> None:
    clock.advance(59)
    room.push("say", {"body": "still here"})
    clock.advance(59)
    room.refute_push("are_you_there")
    clock.advance(1)
    room.assert_push("are_you_there")


def test_a_crash_is_told_to_the_client(room: Room) -> None:
    room.push("divide", {"a": 1, "b": 0})
    room.assert_error()
    room.assert_crashed(ZeroDivisionError)


def test_the_client_leaves(room: Room) -> None:
    channel = room.channel
    room.assert_reply(room.leave(), "ok")
    room.assert_closed()
    assert str(channel.exit_reason) == "Shutdown(detail='left')"
