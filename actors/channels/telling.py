"""What channels tell :mod:`actors.telemetry`: nothing is measured while nobody listens."""

from __future__ import annotations

import time
from typing import Any, Final

from actors import telemetry
from actors.reasons import Reason

JOINED: Final = "channel.joined"
HANDLED_IN: Final = "channel.handled_in"
REFUSED: Final = "channel.refused"
CLOSED: Final = "channel.closed"

_OWN: Final = frozenset({"invalid payload"})


def begin(event: str) -> float:
    """Return the time now in seconds, or 0.0 where nobody listens to ``event``."""
    return time.perf_counter() if telemetry.listens(event) else 0.0


def done(told: str, began: float, channel: Any, /, **more: str) -> None:
    """Tell how long something took that began at ``began``; 0.0: nobody wants to know it."""
    if began:
        about = {"channel": type(channel), "topic": channel.topic, **more}
        telemetry.execute(told, {"duration": time.perf_counter() - began}, about)


def refused(owner: type, topic: str, response: object) -> None:
    """Tell that a client was answered ``response``, an error, by ``owner``.

    The reason that is told is one of ours: what an application answers to a join that it does not
    accept is told as ``join refused``.
    """
    if telemetry.listens(REFUSED):
        reason = response
        if isinstance(response, dict):
            said = response.get("reason")
            reason = said if isinstance(said, str) and said in _OWN else "join refused"
        elif not isinstance(response, str):
            reason = "join refused"
        about = {"owner": owner, "topic": topic, "reason": reason}
        telemetry.execute(REFUSED, {"count": 1}, about)


def closed(channel: Any, reason: Reason) -> None:
    """Tell that a channel that was joined has ended."""
    if telemetry.listens(CLOSED):
        about = {"channel": type(channel), "topic": channel.topic, "reason": reason}
        telemetry.execute(CLOSED, {"count": 1}, about)
