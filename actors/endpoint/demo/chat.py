"""The demo's chat: a channel for each room."""

from __future__ import annotations

import os
import signal
from typing import Any, ClassVar, Final

from actors import Channel, ChannelSocket, Error, Ok, Presence, on, pubsub
from transports.tcp.trust import parsed

MAX_NAME: Final = 30
MAX_BODY: Final = 500

LOCAL: Final = ("localhost", "127.0.0.1", "[::1]")
"""What a browser on this machine calls it."""


class RoomPresence(Presence):
    """Who is in which room, over all workers and machines."""


class RoomChannel(Channel):
    """A person in a room. What is said goes to everybody there, whichever worker serves them."""

    def join(self, topic: str, payload: dict[str, Any]) -> Ok | Error:  # noqa: ARG002
        """Let in who has a name."""
        name = text(payload.get("name"), MAX_NAME)
        if name is None:
            return Error(f"a name has 1 to {MAX_NAME} characters")
        self.assigns["name"] = name
        return Ok({"worker": os.getpid(), "may_end_worker": self.may_end_worker()})

    def joined(self) -> None:
        """Be seen by the others, and see them."""
        name = self.assigns["name"]
        RoomPresence.track(self, f"person {name}", {"name": name})
        RoomPresence.push_state(self)

    @on("say")
    def say(self, payload: dict[str, Any]) -> Ok | Error:
        """Say something to all, also to who says it."""
        body = text(payload.get("body"), MAX_BODY)
        if body is None:
            return Error(f"a message has 1 to {MAX_BODY} characters")
        said = {"name": self.assigns["name"], "body": body, "worker": os.getpid()}
        self.broadcast("said", said)
        return Ok()

    @on("typing")
    def typing(self, payload: Any) -> None:  # noqa: ARG002 - there is none
        """Tell the others that this person types."""
        self.broadcast_from("typing", {"name": self.assigns["name"]})

    def may_end_worker(self) -> bool:
        """Whether ``end_worker`` is served here: not to pages that come from elsewhere."""
        return False


def _is_loopback(host: str) -> bool:
    """Whether that is an address of this machine alone; a Unix socket is for a proxy."""
    found = parsed(host)
    return found is not None and found.is_loopback


class LocalRoomChannel(RoomChannel):
    """The same for a browser on this machine, which may try what a crash of a worker costs."""

    def may_end_worker(self) -> bool:
        """Whether other workers stay, and nobody but this machine can connect."""
        addresses = self.endpoint.served_on
        return (
            bool(addresses)
            and all(_is_loopback(host) for host, _ in addresses)
            and any(cluster.peers for cluster in pubsub.server.adapters)
        )

    @on("end_worker")
    def end_worker(self, payload: Any) -> Error:  # noqa: ARG002 - there is none
        """Kill the worker that serves this person, as a machine out of memory does."""
        if self.may_end_worker():
            os.kill(os.getpid(), signal.SIGKILL)
        return Error("a worker is only ended on loopback, and where others stay")


class ChatSocket(ChannelSocket):
    """A browser, wherever it is."""

    channels: ClassVar = {"room:*": RoomChannel}
    max_message_rate = 20.0


class LocalChatSocket(ChatSocket):
    """A browser on this machine."""

    channels: ClassVar = {"room:*": LocalRoomChannel}


def text(given: object, longest: int) -> str | None:
    """Return a text without white space around it; ``None`` where it is none, or too long."""
    found = given.strip() if isinstance(given, str) else ""
    return found if 0 < len(found) <= longest else None
