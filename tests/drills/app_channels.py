"""The channels of the drills' application: members of rooms, whose messages are in the ledger."""

from __future__ import annotations

from typing import Any

from actors import Actor, Channel, ChannelSocket, Ok, Presence, Reason, on
from tests.drills.app_sockets import ledger
from tests.drills.ledger import ENDED, HANDLED
from tests.drills.point import point

LEAVE_DELAY = 1.0


class Here(Presence):
    """Who is in which room."""

    leave_delay = LEAVE_DELAY


class Guest(Actor):
    """One who is there without a client."""


class Room(Channel):
    """Enters each message in the ledger before it replies; ``hold`` stops at ``in_channel``."""

    @on("say")
    def say(self, payload: dict[str, Any]) -> Ok:
        ledger.enter(HANDLED, str(payload["text"]))
        return Ok({"text": payload["text"]})

    @on("hold")
    def hold(self, payload: dict[str, Any]) -> Ok:
        point("in_channel")
        return self.say(payload)

    @on("shout")
    def shout(self, payload: dict[str, Any]) -> None:
        self.broadcast("shout", payload)

    @on("invite")
    def invite(self, payload: dict[str, Any]) -> None:
        for number in range(payload["count"]):
            Here.track(Guest.start(), self.topic, f"guest-{number}", {})

    @on("who")
    def who(self, payload: dict[str, Any]) -> Ok:
        return Ok(Here.list(self))

    def handle_drain(self) -> None:
        self.push("farewell")

    def terminate(self, reason: Reason) -> None:
        ledger.enter(ENDED, f"{self.topic} {reason}")


class Members(ChannelSocket):
    """Any client may join any room."""

    channels = {"room:*": Room}
