"""Mistakes with channels, each with what mypy has to say about its line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from actors import (
    Channel,
    ChannelSocket,
    Endpoint,
    Error,
    Ok,
    Socket,
    SocketRef,
    Stop,
    on,
)


@dataclass
class User:
    name: str


class Room(Channel[User]):
    def join(self, topic: str, payload: Any) -> Ok | Error:
        self.assigns.nmae = "x"  # error: "User" has no attribute "nmae"
        return "ok"  # error: Incompatible return value type

    @on("say", 7)  # error: has incompatible type "int"
    def say(self, payload: dict[str, Any]) -> Ok:
        self.push(payload)  # error: has incompatible type "dict[str, Any]"
        self.brodcast("say", payload)  # error: has no attribute "brodcast"
        self.topic = "room:2"  # error: Property "topic" defined in "Channel" is read-only
        return Ok()

    def handle_in(self, event: str) -> Ok:  # error: incompatible with supertype
        return Ok()

    def handle_info(self, message: Any) -> Ok:  # error: incompatible with return type
        return Ok()

    def handle_drain(self) -> Stop:  # error: incompatible with return type
        return Stop()


class Plain(Socket):
    pass


class UserSocket(ChannelSocket[User]):
    channels = {"room:*": Plain}  # error: Dict entry 0 has incompatible type
    max_channels = "many"  # error: Incompatible types in assignment

    @classmethod
    def id(cls, assigns: User) -> int:  # error: incompatible with return type
        return 7


def work(ref: SocketRef) -> None:
    ref.reply({"sum": 7})  # error: has incompatible type "dict[str, int]"


endpoint = Endpoint()
endpoint.socket("/a", Room)  # error: has incompatible type "type[Room]"
endpoint.broadcast("room:1")  # error: Missing positional argument "event"
