from __future__ import annotations

import pytest

from actors.testing import Channels, Clock, Room
from examples.presence import RoomPresence, UserSocket


@pytest.fixture(autouse=True)
def presence(channels: Channels) -> None:
    RoomPresence.start()  # an endpoint does it for its children


def enter(channels: Channels, user: str) -> Room:
    socket = channels.connect(UserSocket, params={"user": user})
    return socket.subscribe_and_join("room:1")[1]


def test_who_comes_is_told_who_is_there(channels: Channels) -> None:
    enter(channels, "ada")
    eve = enter(channels, "eve")
    ada = {"name": "ada", "typing": False, "phx_ref": str}
    eve.assert_push("presence_state", {"user:ada": {"metas": [ada]}})
    eve.assert_reply(eve.push("how_many"), "ok", {"people": 2})


def test_the_others_see_who_types(channels: Channels, clock: Clock) -> None:
    ada, eve = enter(channels, "ada"), enter(channels, "eve")
    clock.advance(1)  # the diff with eve has left
    eve.push("typing", {"typing": True})
    ada.assert_push("presence_diff", {"joins": {"user:eve": {"metas": [{"typing": True}]}}})
    (meta,) = RoomPresence.get_by_key("room:1", "user:eve")["metas"]
    assert meta["typing"] is True


def test_who_leaves_is_gone_at_once(channels: Channels, clock: Clock) -> None:
    ada, eve = enter(channels, "ada"), enter(channels, "eve")
    clock.advance(1)
    eve.leave()
    ada.assert_push("presence_diff", {"leaves": {"user:eve": {}}})


def test_who_is_cut_off_has_two_seconds_to_come_back(channels: Channels, clock: Clock) -> None:
    ada = enter(channels, "ada")
    eve = channels.connect(UserSocket, params={"user": "eve"})
    eve.subscribe_and_join("room:1")
    clock.advance(1)
    eve.close(None)  # no Close frame: the connection was lost
    clock.advance(1.9)
    assert list(RoomPresence.list("room:1")) == ["user:ada"]  # what is listed does not wait
    ada.refute_push("presence_diff", {"leaves": {"user:eve": {}}})
    clock.advance(0.2)
    ada.assert_push("presence_diff", {"leaves": {"user:eve": {}}})
