"""An application for which others publish: rooms that say which process they are in.

A drain waits until somebody has published the event ``release`` to ``releases``, or some seconds.
Views of other servers broadcast here: ``/view`` and, on a thread, ``/thread``.
"""

from __future__ import annotations

import os
from typing import Any

from gevent.event import Event

from actors import Actor, Channel, ChannelSocket, ConnectInfo, Endpoint, Ok, in_thread

PATH, KEY = "/api/broadcast", "for the tests and nothing else".replace(" ", "-")

released = Event()


class Room(Channel):
    def join(self, topic: str, payload: Any) -> Ok:
        return Ok({"pid": os.getpid()})

    def handle_drain(self) -> None:
        self.push("draining", {})
        if self.topic == "room:slow":
            released.wait(10.0)


class Rooms(ChannelSocket):
    channels = {"room:*": Room}

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:
        return Ok({"user": info.params.get("user")})

    @classmethod
    def id(cls, assigns: Any) -> str:
        return f"user:{assigns['user']}"


class Releases(Actor):
    def on_start(self) -> None:
        endpoint.subscribe(self, "releases")

    def on_receive(self, message: object) -> None:
        released.set()


def view(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Broadcast, as a page of the application beside does, on a thread or in the request."""
    try:
        if environ["PATH_INFO"] == "/thread":
            in_thread(endpoint.broadcast, "room:1", "said", {"by": "a thread"})
        else:
            endpoint.broadcast("room:1", "said", {"by": "a view"})
    except RuntimeError as error:
        start_response("500 Internal Server Error", [("Content-Type", "text/plain")])
        return [str(error).encode()]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"told"]


endpoint = Endpoint(children=[Releases], fallback=view)
endpoint.socket("/socket", Rooms)
endpoint.publishing(PATH, keys=KEY)

application = endpoint.wsgi(view)
