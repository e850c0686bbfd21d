"""A client of channels over a WebSocket that does what it is told: its frames can be looked at.

Version 2.0.0, encoded as the client of :mod:`actors.client` does; ``tests/channels/stage.py`` has
messages of its own for each version.
"""

from __future__ import annotations

from typing import Any, Self

from actors.client.messages import Message, body_of, decode, push
from actors.messages import Opcode
from tests.support.raw import CLOSE, Client, close_frame, frame


class ChannelClient:
    """One connection. ``join`` and ``ask`` wait for their reply; what comes before it is kept."""

    def __init__(self, address: tuple[str, int], target: str) -> None:
        self.client = Client(address)
        joint = "&" if "?" in target else "?"
        self.answer = self.client.upgrade(f"{target}{joint}vsn=2.0.0")
        self.kept: list[Message] = []
        self._refs = 0
        self._joins: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def send(self, topic: str, event: str, payload: Any = None) -> str:
        """Send a message; return its ref."""
        self._refs += 1
        ref = str(self._refs)
        if event == "phx_join":
            self._joins[topic] = ref
        opcode, data = push(self._joins.get(topic), ref, topic, event, body_of(payload))
        self.client.send(frame(opcode, data))
        return ref

    def ask(self, topic: str, event: str, payload: Any = None) -> tuple[str, Any]:
        """Send a message, and return status and response of its reply."""
        return self.reply(self.send(topic, event, payload))

    def join(self, topic: str, payload: Any = None) -> tuple[str, Any]:
        return self.ask(topic, "phx_join", payload)

    def reply(self, ref: str) -> tuple[str, Any]:
        """Wait for the reply to ``ref``."""
        found = self._wait(lambda message: message.event == "phx_reply" and message.ref == ref)
        return found.payload["status"], found.payload["response"]

    def event(self, name: str) -> Any:
        """Wait for the next ``name``; return its payload."""
        return self._wait(lambda message: message.event == name).payload

    def _wait(self, wanted: Any) -> Message:
        for index, message in enumerate(self.kept):
            if wanted(message):
                return self.kept.pop(index)
        while not wanted(message := self.next()):
            self.kept.append(message)
        return message

    def next(self) -> Message:
        """Return what comes next; ``EOFError`` for a Close frame."""
        found = self.client.frame()
        if found.opcode == CLOSE:
            raise EOFError(f"closed with {found.code}")
        return decode((Opcode(found.opcode), found.payload))

    def leave(self) -> None:
        """Close as a browser does."""
        self.client.send(close_frame(1000))
