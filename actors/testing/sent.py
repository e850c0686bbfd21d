"""Channel messages that are kept as values, and checked as if they were encoded."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from actors.errors import RoostError
from actors.messages import Opcode
from actors.serializers import strict_json
from actors.serializers.message import Body, Incoming, Ref, Serializer, check_names


@dataclass(frozen=True, slots=True)
class Sent:
    """What a client was sent: ``kind`` is ``"reply"``, ``"push"`` or ``"broadcast"``.

    ``status`` is that of a reply. The payload is plain: what is read from JSON, or bytes.
    """

    kind: str
    join_ref: Ref
    ref: Ref
    topic: str
    event: str
    payload: Any
    status: str = ""

    def __str__(self) -> str:
        if self.kind == "reply":
            return f"reply {self.status!r} to {self.ref!r} on {self.topic!r}: {self.payload!r:.400}"
        return f"{self.kind} {self.event!r} on {self.topic!r}: {self.payload!r:.400}"


class Keeping:
    """A serializer that has another one encode, but keeps what it was given."""

    def __init__(self, inner: Serializer) -> None:
        self._inner = inner
        self._numbers = itertools.count(1)
        self._incoming: dict[str | bytes, Incoming] = {}

    def incoming(self, join_ref: Ref, ref: Ref, topic: str, event: str, payload: object) -> str:
        """Return the frame of a client's message, which :meth:`decode` understands once.

        ``TypeError``: what JSON cannot say. :class:`~actors.errors.InvalidMessage`: a name that is
        no str.
        """
        check_names(join_ref, ref, topic, event)
        frame = f"{next(self._numbers)}"
        self._incoming[frame] = Incoming(join_ref, ref, topic, event, plain(payload))
        return frame

    def decode(self, frame: str | bytes) -> Incoming:
        return self._incoming.pop(frame)

    def reply(
        self, join_ref: Ref, ref: Ref, topic: str, status: str, response: object
    ) -> tuple[Opcode, Any]:
        self._inner.reply(join_ref, ref, topic, status, response)
        sent = Sent("reply", join_ref, ref, topic, "phx_reply", _told(response), status)
        return Opcode.TEXT, sent

    def push(
        self, join_ref: Ref, ref: Ref, topic: str, event: str, payload: object
    ) -> tuple[Opcode, Any]:
        self._inner.push(join_ref, ref, topic, event, payload)
        return Opcode.TEXT, Sent("push", join_ref, ref, topic, event, _told(payload))

    def broadcast(self, topic: str, event: str, body: Body) -> tuple[Opcode, Any] | None:
        if self._inner.broadcast(topic, event, body) is None:
            return None
        return Opcode.TEXT, Sent("broadcast", None, None, topic, event, body.value)


def plain(payload: object) -> Any:
    """Return a payload as who receives it sees it; ``TypeError`` for what JSON cannot say."""
    if isinstance(payload, bytes | bytearray | memoryview):
        return bytes(payload)
    return strict_json.decode(strict_json.encode(payload))


def _told(payload: object) -> Any:
    try:
        return plain(payload)
    except (TypeError, ValueError, RoostError):
        return payload  # msgpack says more than JSON: it has been encoded by then
