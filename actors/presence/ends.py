"""How an actor's end is told to those who see it: as *left*, at once, or as *lost*, after a delay.

Whoever says goodbye is gone. Whoever is cut off mostly comes back in a moment: by a reconnect after
a lost connection, a reload of the server, or a crash of a channel. Phoenix makes no difference.
"""

from __future__ import annotations

from typing import Final

from actors.presence.entries import LEFT, LOST, Kind
from actors.reasons import Closed, Normal, Reason, Shutdown

FAREWELLS: Final = frozenset({1000, 1001, 1005})
"""Codes of Close frames with which a client says goodbye (RFC 6455 section 7.4.1)."""

BELIEVED_DEAD: Final = "heartbeat timeout"
"""What phoenix.js closes with, by 1000, when it holds the connection for dead and reconnects."""

CUT_OFF: Final = frozenset(
    {
        None, "draining", "duplicate", "flood", "inactive", "message_timeout", "overflow",
        "restart", "slow_consumer", "timeout",
    }
)  # fmt: skip
"""What the server ends an actor for whose client comes back: details of a ``Shutdown``."""


def kind_of(reason: Reason | None) -> Kind:
    """Return ``LEFT`` or ``LOST``."""
    match reason:
        case Closed(code=code, text=text):
            said = code in FAREWELLS and text != BELIEVED_DEAD
            return LEFT if said else LOST
        case Shutdown(detail=detail):
            return LOST if detail in CUT_OFF else LEFT
        case Normal():
            return LEFT
    return LOST
