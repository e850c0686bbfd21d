"""What applications write with channels: no type checker has anything to say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict, assert_type

import gevent
import msgspec

from actors import (
    Broadcast,
    Channel,
    ChannelSocket,
    ConnectInfo,
    Endpoint,
    Error,
    Ok,
    Reason,
    Reply,
    Route,
    SocketRef,
    Stop,
    intercept,
    on,
)


class RoomChannel(Channel):
    def join(self, topic: str, payload: dict[str, Any]) -> Ok | Error:
        return Ok({"room": self.subtopic})

    @on("new_msg")
    def new_msg(self, payload: dict[str, Any]) -> Ok:
        self.broadcast("new_msg", {"from": self.assigns["user"], "body": payload["body"]})
        return Ok()


class UserSocket(ChannelSocket):
    channels = {"room:*": RoomChannel}

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        user = info.params.get("user")
        return Ok({"user": user}) if user else Error("user required")


endpoint = Endpoint()
endpoint.socket("/socket", UserSocket, longpoll=True)


@dataclass(frozen=True)
class User:
    id: int
    name: str
    muted: frozenset[int] = frozenset()


class NewMsg(msgspec.Struct):
    body: str


class Message(msgspec.Struct):
    sender: int
    body: str


class Typing(TypedDict):
    on: bool


def load_user(token: str | None) -> User | None:
    return User(len(token), token) if token else None


class TypedChannel(Channel[User]):
    join_timeout = 5.0
    intercepts = ("typing",)

    def joined(self) -> None:
        assert_type(self.assigns, User)
        self.push("hello", {"name": self.assigns.name})

    @on("new_msg")
    def new_msg(self, msg: NewMsg) -> Ok | Error:
        if not msg.body.strip():
            return Error("empty")
        self.broadcast("new_msg", Message(self.assigns.id, msg.body))
        return Ok({"delivered": True})

    @on("typing", "resting")
    def typing(self, payload: Typing) -> None:
        self.broadcast_from("typing", payload)

    @intercept("new_msg")
    def show(self, msg: Message) -> Message | None:
        return None if msg.sender in self.assigns.muted else msg

    def handle_out(self, event: str, payload: Mapping[str, Any]) -> object:
        return None

    def terminate(self, reason: Reason) -> None:
        assert_type(self.join_ref, Any)


class TypedSocket(ChannelSocket[User]):
    channels = {"room:*": TypedChannel, "job:*": Route(RoomChannel, assigns={"jobs": True})}
    max_message_rate = 50.0

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        user = load_user(info.connect_info["auth_token"])
        return Ok(user) if user else Error()

    @classmethod
    def id(cls, assigns: User) -> str:
        return f"users:{assigns.id}"


endpoint.socket(
    "/typed",
    TypedSocket,
    websocket={"auth_token": True, "connect_info": ["auth_token"]},
    longpoll=True,
)
endpoint.disconnect("users:7")


class JobChannel(Channel):
    @on("run")
    def run(self, payload: dict[str, Any]) -> None:
        gevent.spawn(work, self.socket_ref(), payload)

    @on("upload")
    def upload(self, chunk: bytes) -> Ok:
        return Ok(chunk[::-1])

    @on("other")
    def other(self, payload: Any) -> Reply | Stop:
        return Stop(reply=Ok()) if payload else Reply({}, status="busy")

    def handle_info(self, message: object) -> Stop | None:
        if isinstance(message, Broadcast):
            assert_type(message.topic, str)
        self.push("tick", {"left": 0})
        return Stop()

    def handle_drain(self) -> None:
        self.push("bye")


def work(ref: SocketRef, payload: dict[str, Any]) -> None:
    assert_type(ref.reply(Ok({"sum": sum(payload["numbers"])})), bool)
