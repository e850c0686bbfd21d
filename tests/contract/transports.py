"""The transports that the contract is proven over: how each is served, and a client for each.

A transport here is a class with ``serve(endpoint)``, a context manager that answers an address, and
``connect(address, target)``, which answers a :class:`Client`. To prove another one, add it to
:data:`TRANSPORTS`; what it does not have (control frames, close codes) it says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, NamedTuple, Protocol

from actors.messages import Opcode
from tests.support import raw
from tests.support.server import serve


class Sent(NamedTuple):
    """A control frame that the server sent."""

    opcode: Opcode
    payload: bytes


Message = str | bytes | Sent

LOST = None
"""The code of a connection that ended without one."""


class Client(Protocol):
    """One connection; every wait has a deadline."""

    status: int

    def send(self, payload: str | bytes) -> None:
        """Send a message: ``str`` as text, ``bytes`` as binary."""

    def recv(self) -> Message:
        """Answer the next message; ``EOFError`` where the connection ends before."""

    def closed(self) -> int | None:
        """Answer the code that the connection is closed with, and see that nothing comes after."""

    def leave(self, code: int | None = 1000, text: str = "") -> None:
        """End the connection in the orderly way."""

    def lose(self) -> None:
        """Be gone without a word."""


class WebSocketClient:
    """A client that reads frame by frame."""

    def __init__(self, address: tuple[str, int], target: str, glued: bytes = b"") -> None:
        self.raw = raw.Client(address)
        self.raw.send(raw.upgrade(target) + glued)
        self.answer = self.raw.answer()
        self.status = self.answer.status

    def send(self, payload: str | bytes) -> None:
        opcode = raw.TEXT if isinstance(payload, str) else raw.BINARY
        self.raw.send(raw.frame(opcode, payload))

    def control(self, opcode: int, payload: bytes = b"") -> None:
        self.raw.send(raw.frame(opcode, payload))

    def recv(self) -> Message:
        frame = self.raw.frame()
        if frame.opcode == raw.TEXT:
            return frame.payload.decode()
        if frame.opcode == raw.BINARY:
            return frame.payload
        assert frame.opcode != raw.CLOSE, f"closed with {frame.code}"
        return Sent(Opcode(frame.opcode), frame.payload)

    def closed(self) -> int | None:
        try:
            frame = self.raw.frame()
        except (EOFError, ConnectionError):
            return LOST
        assert frame.opcode == raw.CLOSE, frame
        try:
            self.raw.send(raw.frame(raw.CLOSE, frame.payload))
        except OSError:
            pass  # the server had ours already, and is gone
        assert self.raw.read_to_end() == b""
        return frame.code

    def leave(self, code: int | None = 1000, text: str = "") -> None:
        self.raw.send(raw.close_frame(code, text))

    def lose(self) -> None:
        self.raw.reset()

    def close(self) -> None:
        self.raw.close()


class WebSocket:
    """Our own server."""

    name: ClassVar = "websocket"
    path: ClassVar = "/websocket"
    has_control: ClassVar = True

    @staticmethod
    @contextmanager
    def serve(endpoint: Any) -> Iterator[Any]:
        with serve(endpoint) as served:
            yield served

    @staticmethod
    def connect(address: tuple[str, int], target: str, **rest: Any) -> WebSocketClient:
        return WebSocketClient(address, target, **rest)


TRANSPORTS = {"websocket": WebSocket}
