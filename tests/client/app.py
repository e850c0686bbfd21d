"""What the tests of the client talk to: a room that does what the client says."""

from __future__ import annotations

import os
from typing import Any

import gevent

from actors import Channel, ChannelSocket, ConnectInfo, Endpoint, Error, Ok, Reply, Stop, on

LONG = 60.0
"""Seconds that a callback blocks which is not meant to come back while its client looks."""


class RoomChannel(Channel):
    def join(self, topic: str, payload: Any) -> Ok | Error:
        match payload.get("do"):
            case "refuse":
                return Error({"reason": "unauthorized"})
            case "crash":
                raise RuntimeError("a join that crashes on purpose")
            case "block":
                gevent.sleep(LONG)
        return Ok({"pid": os.getpid(), "got": payload})

    @on("who")
    def who(self, payload: Any) -> Ok:
        return Ok({**self.assigns, "pid": os.getpid(), "join_ref": self.join_ref})

    @on("echo")
    def echo(self, payload: Any) -> Ok:
        return Ok(payload)

    @on("fail")
    def fail(self, payload: Any) -> Error:
        return Error(payload)

    @on("other")
    def other(self, payload: Any) -> Reply:
        return Reply(payload, status="other")

    @on("silence")
    def silence(self, payload: Any) -> None: ...

    @on("shout")
    def shout(self, payload: Any) -> Ok:
        self.broadcast("shout", payload)
        return Ok()

    @on("bytes")
    def bytes(self, payload: bytes) -> Ok:
        self.push("pushed", payload)
        self.broadcast("broadcast", payload)
        return Ok(payload)

    @on("relay")
    def relay(self, payload: Any) -> Ok:
        """Push whatever the client wants to be pushed."""
        for event, what in payload["pushes"]:
            self.push(event, what)
        return Ok()

    @on("crash")
    def crash(self, payload: Any) -> None:
        raise RuntimeError("a handler that crashes on purpose")

    @on("stop")
    def stop(self, payload: Any) -> Stop:
        return Stop(reply=Ok(payload))


class UserSocket(ChannelSocket):
    channels = {"room:*": RoomChannel}

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        if info.params.get("refuse"):
            return Error()
        return Ok({"params": info.params, "token": info.connect_info.get("auth_token")})


endpoint = Endpoint(grace=10.0)
endpoint.socket(
    "/socket",
    UserSocket,
    auth_token=True,
    connect_info=["auth_token"],
    websocket={"compress": True},
)
