"""The application for servers whose code is exchanged: it uses what both codes have.

It is no part of either tree: it is copied to where such a server runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import actors
from actors import Endpoint, Ok, Push, Reply, Socket, pubsub

TREE = Path(actors.__file__).resolve().parents[1]
CODE = "old" if TREE.name == "old" else "new"


class Room(Socket):
    """Hears a room, and tells it what it is told; says which code it runs, and how long a text is.

    ``code`` and what is over a thousand characters are answered, ``say TEXT`` is broadcast.
    """

    def init(self, state: Any) -> Any:
        pubsub.subscribe(self, "room")
        return Ok(state)

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        del opcode
        if payload == "code":
            return Reply(CODE)
        if len(payload) > 1000:
            return Reply(str(len(payload)))
        pubsub.broadcast("room", payload.removeprefix("say "))
        return None

    def handle_info(self, message: Any) -> Any:
        return Push(message)


class Child(actors.Actor):
    """Exists once, where that is known."""

    def on_receive(self, message: Any) -> Any:
        return message


def children() -> list[Any]:
    """Return what exists once, unless the code is of before that did."""
    try:
        from actors import once  # noqa: PLC0415 - it may not be there
    except ImportError:
        return []
    return [once(Child)]


def asked() -> str:
    """Ask what exists once; return what it says, or why it does not."""
    try:
        return str(actors.whereis("Child").ask("runs"))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told
        return type(error).__name__


def tell(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    """Say which code this process runs; at ``/once``, whether the child is there."""
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [(asked() if environ["PATH_INFO"] == "/once" else CODE).encode()]


endpoint = Endpoint(fallback=tell, children=children())
endpoint.socket(
    "/room",
    Room,
    longpoll={"window": 2.0, "pubsub_timeout": 15.0, "max_body": 8_000_000},
)
