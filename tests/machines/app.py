"""An application on several machines: rooms, over both transports."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any, ClassVar

from pykka import ActorDeadError

from actors import (
    Actor,
    Channel,
    ChannelSocket,
    Endpoint,
    Ok,
    Presence,
    Reply,
    Socket,
    on,
    once,
    once_number,
    whereis,
)
from tests.drills.app_once import acting


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


class Everywhere(Presence):
    """Who is in a hall, on whichever machine."""


class Hall(Channel[dict[str, Any]]):
    """Whoever joins is seen by all, under a name."""

    def join(self, topic: str, payload: Any) -> Ok:
        return Ok({"pid": os.getpid()})

    def joined(self) -> None:
        Everywhere.track(self, self.assigns["name"], {"pid": os.getpid()})
        Everywhere.push_state(self)

    @on("track")
    def track(self, payload: Any) -> Ok:
        Everywhere.track(self, self.assigns["name"], payload)
        return Ok({})


class RoomSocket(ChannelSocket):
    """A client, which may have a name."""

    channels: ClassVar = {"room:*": Room, "hall:*": Hall}

    @classmethod
    def connect(cls, info: Any) -> Ok:
        return Ok({"name": info.params.get("name")})

    @classmethod
    def id(cls, assigns: Any) -> str | None:
        return f"user:{assigns['name']}" if assigns["name"] else None


SECRET = "one secret for all machines, 32 bytes and more"

endpoint = Endpoint(children=[Everywhere], secret_key_base=SECRET)
endpoint.socket("/socket", RoomSocket, longpoll={"window": 2.0})


class Counter(Actor):
    """Answers who it is."""

    def on_start(self) -> None:
        self.number = once_number()

    def on_receive(self, message: Any) -> list[Any]:
        return [message, os.getpid(), self.number]


class Asking(Socket):
    """Asks the counter, wherever that is."""

    def handle_in(self, payload: Any, opcode: Any) -> Reply:
        try:
            return Reply(json.dumps(whereis("counter").ask(payload)))
        except ActorDeadError:
            return Reply("null")


def with_once(**options: Any) -> Endpoint:
    """Return an endpoint with what exists once, which notes its acts in ``$ONCE_PLACE``."""
    made = Endpoint(
        children=[
            acting(os.environ.get("ONCE_PLACE", "/nowhere")), once(Counter, name="counter"),
        ],
        secret_key_base=SECRET,
        **options,
    )  # fmt: skip
    made.socket("/ask", Asking)
    return made


once_endpoint = with_once()


def application() -> Any:
    """Return the application for another server, with the Redis that the environment names."""
    inside = with_once(redis=os.environ["REDIS_URL"])
    inside.socket("/socket", RoomSocket, longpoll={"window": 2.0})
    return inside.wsgi()


class Hanging(Actor):
    """Notes that it acts, until it is told to hang: then it acts on, and lets nobody else run."""

    def on_start(self) -> None:
        self.number = once_number()
        self.path = Path(os.environ["ONCE_PLACE"], "hanging")
        self.send_after(0.01, "act")

    def on_receive(self, message: Any) -> None:
        while True:
            with self.path.open("a", encoding="ascii") as file:
                file.write(f"{self.number} {os.getpid()} {time.monotonic():.6f}\n")
            if not Path(f"{self.path}-{os.getpid()}").exists():
                break
            until = time.monotonic() + 0.01
            while time.monotonic() < until:
                pass
        self.send_after(0.01, "act")


def with_hanging() -> Endpoint:
    made = Endpoint(children=[once(Hanging, name="hanging")], secret_key_base=SECRET)
    made.socket("/ask", Asking)
    return made


hanging_endpoint = with_hanging()
