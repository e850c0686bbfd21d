"""What test_processes.py serves: rooms that block where they are told to, and say who ends."""

from __future__ import annotations

import os
import sys
from typing import Any

import gevent

from actors import Channel, ChannelSocket, Endpoint, Ok, on


def say(*words: object) -> None:
    sys.stderr.write(f"{' '.join(map(str, words))}\n")


class Room(Channel):
    def join(self, topic: str, payload: Any) -> Ok:
        if self.subtopic == "join":
            say("joins", self.join_ref)
            gevent.sleep(1000)
        return Ok({"pid": os.getpid()})

    @on("shout")
    def shout(self, payload: dict[str, Any]) -> Ok:
        self.broadcast("shout", payload)
        return Ok()

    @on("block")
    def block(self, payload: Any) -> None:
        say("blocks", self.join_ref)
        gevent.sleep(1000)

    def handle_drain(self) -> None:
        self.push("farewell")

    def terminate(self, reason: Any) -> None:
        say("ended", self.topic, self.join_ref, reason)
        if self.subtopic == "last":
            gevent.sleep(1000)


class UserSocket(ChannelSocket):
    channels = {"room:*": Room}
    channel_shutdown = 0.5


endpoint = Endpoint(grace=10.0)
endpoint.socket("/socket", UserSocket, longpoll=True)
