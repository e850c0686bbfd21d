"""The channels of the drills' application: members of rooms, whose messages are in the ledger."""

from __future__ import annotations

from typing import Any

from actors import Channel, ChannelSocket, Ok, Reason, on
from tests.drills.app_sockets import ledger
from tests.drills.ledger import ENDED, HANDLED
from tests.drills.point import point


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

    def handle_drain(self) -> None:
        self.push("farewell")

    def terminate(self, reason: Reason) -> None:
        ledger.enter(ENDED, f"{self.topic} {reason}")


class Members(ChannelSocket):
    """Any client may join any room."""

    channels = {"room:*": Room}
