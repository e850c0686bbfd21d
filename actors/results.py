"""What a callback may answer, as values (see docs/adr/0001).

They are small, slotted and *not* frozen: a frozen dataclass costs twice as much to build, and one
is built for each message. Treat them as immutable all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.messages import Opcode
from actors.reasons import NORMAL
from actors.speedups import hot


@hot
@dataclass(slots=True)
class Ok:
    """``connect`` and ``join`` accept; ``value`` is the state, or the reply to a join."""

    value: object = None


@dataclass(slots=True)
class Error:
    """``connect`` and ``join`` refuse; ``reason`` reaches the transport's ``error_handler``."""

    reason: object = None


@hot
@dataclass(slots=True)
class Reply:
    """Reply to the message that is being handled.

    ``payload`` is ``str`` (sent as text) or ``bytes`` (sent as binary); ``opcode`` overrides that:
    ``Opcode.PING`` and ``Opcode.PONG`` send control frames where the transport has them.
    ``status`` is ``"ok"`` or ``"error"`` and informs the transport and its telemetry alone.

    Of a channel ``payload`` is the response, an object of JSON or bytes, and ``status`` is sent.
    """

    payload: object
    status: str = "ok"
    opcode: Opcode | None = None


@hot
@dataclass(slots=True)
class Push:
    """Send something that answers nothing; the fields are those of :class:`Reply`."""

    payload: str | bytes
    opcode: Opcode | None = None


@dataclass(slots=True)
class Stop:
    """End the connection.

    ``reason`` maps to a close code (see ``transports/closing.py``) unless ``code`` (and ``detail``,
    its text, at most 123 bytes of UTF-8) names one. ``push`` is sent first.

    Of a channel it ends that topic: ``reply`` (``Ok``, ``Error`` or ``Reply``) is sent first.
    """

    reason: object = NORMAL
    code: int | None = None
    detail: str = ""
    push: Sequence[Push] = ()
    reply: Ok | Error | Reply | None = None


type_names = "None, Reply(payload), Push(payload), a list of those, or Stop(reason)"
