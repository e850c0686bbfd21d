"""The transport of a test: it hands over what the test sends, and keeps what is sent to it."""

from __future__ import annotations

from typing import Any, NamedTuple

from actors.messages import ConnectionEnded, Opcode
from actors.reasons import Closed, Reason, as_reason
from actors.results import Push, Reply, Stop
from actors.runtime.exits import Exit
from actors.socket import Socket
from transports import closing
from transports.delivering import deliver_all, deliver_rest
from transports.websocket.outgoing import payload_frame


class Message(NamedTuple):
    """What a raw socket was sent: text is ``str``."""

    payload: str | bytes
    opcode: Opcode

    def __str__(self) -> str:
        return f"{self.opcode.name.lower()} {self.payload!r:.400}"


class Closing(NamedTuple):
    """How a connection ended: the Close frame, whose ``code`` is ``None`` where there was none."""

    code: int | None
    text: str
    reason: Reason


class Wire:
    """Between one test and one socket actor; ``sent`` is what the test has not taken yet."""

    lane_key = "test"

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.closing: Closing | None = None
        self._frame: closing.CloseFrame | None = None
        self._holds = 0
        self._unread: list[Any] = []
        self._actor: Socket[Any] | None = None

    # -- from the test

    def attach(self, actor: Socket[Any]) -> None:
        """Operate ``actor``."""
        self._actor = actor

    def receive(self, item: Any) -> None:
        """Hand over what the client sends; it waits while a channel is behind."""
        self._unread.append(item)
        self._read()

    def _read(self) -> None:
        if self._actor is not None and self.closing is None:
            while self._unread and not self._holds:
                self._actor.on_events([self._unread.pop(0)])

    def hang_up(self, code: int | None) -> None:
        """Have the client go away."""
        if self._actor is not None and self.closing is None:
            self._actor.on_events([ConnectionEnded(Closed(code))])

    # -- from the actor

    def deliver(self, result: Any) -> None:
        """Keep what a callback answered."""
        kind = type(result)
        if kind is Reply or kind is Push:
            self._keep(result.payload, result.opcode)
        elif kind is Stop:
            frame = closing.stop_frame(result)
            deliver_all(result.push, self.deliver)
            self._frame = frame
            raise Exit(as_reason(result.reason))
        else:
            deliver_rest(result, self.deliver)

    def _keep(self, payload: Any, opcode: Opcode | None) -> None:
        payload_frame(payload, opcode, None)  # refuses what cannot be sent
        if opcode is None:
            opcode = Opcode.TEXT if isinstance(payload, str) else Opcode.BINARY
        told: str | bytes
        if opcode is Opcode.TEXT:
            told = payload if isinstance(payload, str) else bytes(payload).decode()
        else:
            told = payload.encode() if isinstance(payload, str) else bytes(payload)
        self._add(Message(told, opcode))

    def flush(self) -> None:
        """Nothing waits."""

    def on_blocked(self) -> None:
        """Nothing waits."""

    def on_ended(self, reason: Reason) -> None:
        """Learn how the connection ends."""
        if self.closing is None:
            code, text = self._frame or closing.close_frame(reason) or (None, "")
            self.closing = Closing(code, text, reason)

    def prepare(self, frame: tuple[Opcode, Any]) -> Any:
        """Return a channel's message as it is kept."""
        return frame[1]

    def post(self, prepared: Any) -> None:
        """Keep a channel's message."""
        self._add(prepared)

    def send(self, frame: tuple[Opcode, Any]) -> None:
        """Keep a channel's message to this client alone."""
        self._add(frame[1])

    def _add(self, message: Any) -> None:
        if self.closing is None:  # nothing follows the Close frame (RFC 6455 §5.5.1)
            self.sent.append(message)

    def hold(self) -> None:
        """Read no more: a channel is behind."""
        self._holds += 1

    def release(self) -> None:
        """Read again, unless another channel is behind."""
        self._holds -= 1
        self._read()
