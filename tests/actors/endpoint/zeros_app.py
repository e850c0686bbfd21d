"""An application with three mounts, channels and a child, of which things crash on demand."""

from __future__ import annotations

from typing import Any

from actors import Actor, Channel, ChannelSocket, Endpoint, Ok, Reply, Socket


class Echo(Socket):
    def handle_in(self, payload: Any, opcode: Any) -> Reply:
        if payload == "crash":
            raise ValueError("as it was asked to")
        return Reply(payload, opcode=opcode)


class Room(Channel):
    def join(self, topic: str, payload: Any) -> Ok:
        return Ok(None)


class Chat(ChannelSocket):
    channels = {"room:*": Room}


class Child(Actor):
    pass


endpoint = Endpoint(children=[Child])
endpoint.socket("/echo", Echo)
endpoint.socket("/polled", Echo, longpoll=True)
endpoint.socket("/chat", Chat, longpoll=True)
