"""What clients send and read: HTTP/1.1 (RFC 9112) and frames of WebSocket (RFC 6455)."""

from __future__ import annotations

import base64
import json
import os
import struct
import time
from typing import Any, Final, NamedTuple

from supervision.drills.connection import Connection, pump

TEXT: Final = 1
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
    """Return a frame as a client must send it, masked (RFC 6455 §5.2); at most 65,535 bytes."""
    head = bytearray([(fin << 7) | opcode])
    if len(payload) < 126:
        head.append(0x80 | len(payload))
    else:
        head += struct.pack("!BH", 0x80 | 126, len(payload))
    mask = os.urandom(4)
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")
    return bytes(head) + mask + mixed.to_bytes(len(payload), "big")


def request(method: str, target: str, *lines: str, body: bytes = b"") -> bytes:
    """Return an HTTP/1.1 request."""
    head = [f"{method} {target} HTTP/1.1", "Host: localhost", *lines]
    if method == "POST":
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def upgrade(target: str) -> bytes:
    """Return the request that opens a WebSocket."""
    key = base64.b64encode(os.urandom(16)).decode()
    return request(
        "GET", target, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    )  # fmt: skip


class Answer(NamedTuple):
    """One HTTP response; header names are in lower case. ``at`` is when it was complete."""

    status: int
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        """The body, decoded; an empty object where it is none."""
        try:
            return json.loads(self.body)
        except ValueError:
            return {}


class HTTP(Connection):
    """Requests and their responses, in order, on one connection."""

    def __init__(self, address: tuple[str, int]) -> None:
        super().__init__(address)
        self.answers: list[Answer] = []

    def received(self) -> None:
        while (answer := self.take_answer()) is not None:
            self.answers.append(answer)

    def take_answer(self) -> Answer | None:
        """Take one complete response from the buffer."""
        head, found, _ = bytes(self.buffer).partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        start, size = len(head) + 4, int(headers.get("content-length", "0"))
        if len(self.buffer) < start + size:
            return None
        body = bytes(self.buffer[start : start + size])
        del self.buffer[: start + size]
        return Answer(int(first.split(" ")[1]), headers, body, time.monotonic())

    def ask(self, data: bytes, seconds: float) -> Answer | None:
        """Send a request and wait for its response; ``None`` where none came."""
        count = len(self.answers)
        self.send(data)
        pump([self], seconds, lambda: len(self.answers) > count)
        return self.answers[count] if len(self.answers) > count else None
