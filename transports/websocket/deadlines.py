"""When a WebSocket connection has waited for long enough, and when to look next."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from transports.websocket.options import WebSocketOptions
    from transports.websocket.protocol import Protocol

MIN_LOOK: Final = 1.0
"""Seconds between two looks at a message whose time stands still."""


def next_look(
    protocol: Protocol, options: WebSocketOptions, now: float, *, paused: bool
) -> float | None:
    """Return when to look next: at the idle deadline, the next ping or a message's, the first.

    ``paused``: nobody reads. ``None``: there is nothing to look at.
    """
    due = math.inf if options.timeout is None else protocol.heard + options.timeout
    if options.ping_interval is not None:
        due = min(due, protocol.pinged + options.ping_interval)
    if options.message_timeout is not None:
        due = min(due, now + options.message_timeout)
        if protocol.unfinished:
            due = min(due, _message_due(protocol, now, options.message_timeout, paused=paused))
    return None if due == math.inf else due


def _message_due(protocol: Protocol, now: float, timeout: float, *, paused: bool) -> float:
    """Return when the message is overdue, at the earliest; its time stands still in a pause."""
    if paused:
        return now + max(protocol.began + timeout - protocol.paused_at, MIN_LOOK)
    return protocol.began + timeout


def is_overdue(protocol: Protocol, options: WebSocketOptions, now: float, *, paused: bool) -> bool:
    """Whether the client takes too long for the message that it has begun."""
    timeout = options.message_timeout
    if timeout is None or paused or not protocol.unfinished:
        return False
    return protocol.began + timeout <= now
