"""A client of channels over a WebSocket: version 2.0.0, in JSON or in binary frames."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Self

from tests.support.raw import BINARY, CLOSE, TEXT, Client, close_frame, frame


class Message(NamedTuple):
    """What came: an event with its payload; of a reply, its status and response."""

    join_ref: Any
    ref: Any
    topic: str
    event: str
    payload: Any


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
        join_ref = self._joins.get(topic)
        if isinstance(payload, bytes):
            names = [each.encode() for each in (join_ref or "", ref, topic, event)]
            head = bytes([0, *map(len, names)])
            self.client.send(frame(BINARY, head + b"".join(names) + payload))
        else:
            message = [join_ref, ref, topic, event, {} if payload is None else payload]
            self.client.send(frame(TEXT, json.dumps(message).encode()))
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
        if found.opcode == TEXT:
            return Message(*json.loads(found.payload))
        return binary(found.payload)

    def leave(self) -> None:
        """Close as a browser does."""
        self.client.send(close_frame(1000))


def binary(data: bytes) -> Message:
    """Read a binary frame of a server: a push (0), a reply (1) or a broadcast (2)."""
    counts = {0: 3, 1: 4, 2: 2}[data[0]]
    lengths, rest = data[1 : 1 + counts], data[1 + counts :]
    names = []
    for length in lengths:
        names.append(rest[:length].decode())
        rest = rest[length:]
    if data[0] == 0:
        return Message(names[0], None, names[1], names[2], rest)
    if data[0] == 1:
        said = {"status": names[3], "response": rest}
        return Message(names[0], names[1], names[2], "phx_reply", said)
    return Message(None, None, names[0], names[1], rest)
