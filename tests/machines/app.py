"""An application on several machines: rooms, over both transports."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from actors import Channel, ChannelSocket, Endpoint, Ok, on


class Room(Channel[dict[str, Any]]):
    """Whoever joins learns which process serves it; what is said is told to all."""

    def join(self, topic: str, payload: Any) -> Ok:
        return Ok({"pid": os.getpid()})

    @on("say")
    def say(self, payload: Any) -> Ok:
        self.broadcast("said", payload)
        return Ok({})

    @on("disconnect")
    def disconnect(self, payload: Any) -> None:
        self.endpoint.disconnect(payload["id"])


class RoomSocket(ChannelSocket):
    """A client, which may have a name."""

    channels: ClassVar = {"room:*": Room}

    @classmethod
    def connect(cls, info: Any) -> Ok:
        return Ok({"name": info.params.get("name")})

    @classmethod
    def id(cls, assigns: Any) -> str | None:
        return f"user:{assigns['name']}" if assigns["name"] else None


endpoint = Endpoint(secret_key_base="one secret for all machines, 32 bytes and more")
endpoint.socket("/socket", RoomSocket, longpoll={"window": 2.0})


def application() -> Any:
    """Return the application for another server, with the Redis that the environment names."""
    inside = Endpoint(
        secret_key_base="one secret for all machines, 32 bytes and more",
        redis=os.environ["REDIS_URL"],
    )
    inside.socket("/socket", RoomSocket, longpoll={"window": 2.0})
    return inside.wsgi()
