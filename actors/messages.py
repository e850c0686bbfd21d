"""The words that actors and transports exchange."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from actors.reasons import Reason


class Opcode(enum.IntEnum):
    """RFC 6455 §5.2. ``handle_in`` sees ``TEXT`` and ``BINARY``, ``handle_control`` the pings."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


@dataclass(frozen=True, slots=True)
class Down:
    """A monitored actor ended (OTP: ``{'DOWN', Ref, process, Pid, Reason}``)."""

    monitor: int
    actor: Any
    reason: Reason


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What was broadcast to a topic of channels, for an actor that subscribes to it."""

    topic: str
    event: str
    payload: Any


@dataclass(slots=True)
class Control:
    """A ping or a pong of the client; ``payload`` is ``None`` where the frame had none."""

    payload: bytes | None
    opcode: Opcode


@dataclass(slots=True)
class ConnectionEnded:
    """The client is gone, or must go: the socket ends with ``reason`` when it gets here."""

    reason: Reason


Gone = ConnectionEnded
"""Its name in 0.1."""


class Receipt:
    """Queued behind messages, it calls ``handled(True)`` when the actor has handled those.

    ``handled(False)``: the actor ended first. The call must not block.
    """

    __slots__ = ("handled",)
    message = None

    def __init__(self, handled: Callable[[bool], object]) -> None:
        self.handled = handled

    @property
    def reply_to(self) -> Receipt:
        """What the runtime answers where it drops an envelope."""
        return self

    def set_exception(self, exc_info: object = None) -> None:  # noqa: ARG002 - a future's shape
        """Learn that nobody will handle this."""
        self.handled(False)


@dataclass(frozen=True, slots=True)
class ConnectInfo:
    """What ``connect`` learns of a new connection; maps are as Phoenix's ``connect/3`` shows them.

    ``params``: query parameters, with the mount's path variables over them. ``options``: the
    transport's own options. ``connect_info``: what the mount's ``connect_info`` asked for. The
    latter and ``params`` hold secrets of clients: they are not in its text.
    """

    endpoint: Any
    transport: str
    params: Mapping[str, Any] = field(repr=False)
    options: Any
    connect_info: Mapping[str, Any] = field(default_factory=dict, repr=False)
