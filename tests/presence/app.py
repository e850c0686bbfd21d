"""Rooms whose members see each other; what is tracked can be many, and not a client's own."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from actors import Actor, Channel, ChannelSocket, ConnectInfo, Endpoint, Ok, Presence, on

MANY = {f"n{number}" for number in range(10)} if os.environ.get("STATES") == "some" else set()
"""Who alone is shown a state, where there are so many that all of them would be megabytes."""


class RoomPresence(Presence):
    leave_delay = float(os.environ.get("LEAVE_DELAY", "2"))


class Guest(Actor):
    """One that is tracked beside the clients."""


class Room(Channel):
    """``{"name": ...}`` joins as somebody, ``{}`` to look on; ``{"pid": true}`` says where."""

    def join(self, topic: str, payload: Any) -> Ok:
        self.assigns["name"] = payload.get("name")
        return Ok({"pid": os.getpid()})

    def joined(self) -> None:
        if self.assigns["name"] is not None:
            RoomPresence.track(self, self.assigns["name"], {"pid": os.getpid()})
        if not MANY or self.assigns["name"] in MANY:
            RoomPresence.push_state(self)

    @on("invite")
    def invite(self, payload: Any) -> Ok:
        """Track so many guests, under keys that begin with a word."""
        for number in range(payload["count"]):
            RoomPresence.track(Guest.start(), self.topic, f"{payload['word']}{number}", {})
        return Ok()

    @on("list")
    def list(self, payload: Any) -> Ok:
        return Ok(RoomPresence.list(self))

    @on("update")
    def update(self, payload: Any) -> Ok:
        RoomPresence.update(self, self.assigns["name"], payload)
        return Ok()

    @on("untrack")
    def untrack(self, payload: Any) -> Ok:
        RoomPresence.untrack(self, self.assigns["name"])
        return Ok()


class UserSocket(ChannelSocket):
    channels: ClassVar = {"room:*": Room}
    max_join_rate = 10_000.0

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:
        return Ok({})


endpoint = Endpoint(children=[RoomPresence])
endpoint.socket("/socket", UserSocket, longpoll=True, drainer={"batch_size": 1000})
