"""What channels tell :mod:`actors.telemetry` and the log ``roost.channels``.

Nothing is measured while nobody listens.
"""

from __future__ import annotations

import logging
import time
from typing import Any, Final

from actors import telemetry
from actors.crash_log import capped
from actors.errors import ConfigError
from actors.reasons import Failure, Reason
from actors.serializers.message import Body

logger = logging.getLogger("roost.channels")

LINES: Final = capped(logger)
"""For lines that a client can cause."""

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50, False: 0}

JOINED: Final = "channel.joined"
HANDLED_IN: Final = "channel.handled_in"
REFUSED: Final = "channel.refused"
CLOSED: Final = "channel.closed"
LEFT: Final = "channel.left"
UNDECODABLE: Final = "message.undecodable"
UNDELIVERABLE: Final = "message.undeliverable"

UNMATCHED: Final = "unmatched topic"

_OWN: Final = frozenset({"invalid payload"})


def level(setting: object, what: str) -> int:
    """Return the level that ``log_join`` or ``log_handle_in`` names, 0 for ``False``."""
    found = _LEVELS.get(setting) if isinstance(setting, str) or setting is False else None
    if found is None:
        names = ", ".join(repr(name) for name in _LEVELS)
        raise ConfigError(f"{what} = {setting!r:.80}: must be one of {names}")
    return found


def begin(event: str, at: int = 0) -> float:
    """Return the time now in seconds, or 0.0 where nobody wants to know how long ``event`` takes.

    ``at``: the level at which it is logged, 0: it is not.
    """
    wanted = telemetry.listens(event) or (at and logger.isEnabledFor(at))
    return time.perf_counter() if wanted else 0.0


def joined(began: float, channel: Any, at: int) -> None:
    """Tell how long a join took that began at ``began``; 0.0: nobody wants to know it."""
    if began:
        duration = time.perf_counter() - began
        if telemetry.listens(JOINED):
            about = {"channel": type(channel), "topic": channel.topic}
            telemetry.execute(JOINED, {"duration": duration}, about)
        if at:
            _log(at, channel, "a join", duration)


def handled(began: float, channel: Any, event: str, at: int) -> None:
    """Tell how long the callback for ``event`` took, as :func:`joined` does."""
    if began:
        duration = time.perf_counter() - began
        if telemetry.listens(HANDLED_IN):
            about = {"channel": type(channel), "topic": channel.topic, "event": event}
            telemetry.execute(HANDLED_IN, {"duration": duration}, about)
        if at:
            _log(at, channel, repr(event)[:100], duration)


def _log(at: int, channel: Any, what: str, duration: float) -> None:
    words = "%s: %.100r handled %s in %.1f ms"
    logger.log(at, words, type(channel).__name__, channel.topic, what, 1000 * duration)


def misfit(channel: Any, method: str, event: str, error: object) -> None:
    """Log that a client is not shown a broadcast, which is not what ``method`` takes."""
    owner = type(channel).__name__
    words = "%s.%s: %.100r was not shown the broadcast %.100r, which does not fit: %.200s"
    LINES.log(logging.WARNING, (owner, method), words, owner, method, channel.topic, event, error)


def stopped(channel: Any, reason: Reason) -> None:
    """Log why a channel stopped by itself, where that was no clean reason."""
    if type(reason) is Failure:
        owner = type(channel).__name__
        words = "%s: %.100r stopped for %.200r: its client is told phx_error"
        LINES.log(logging.WARNING, (owner, "stop"), words, owner, channel.topic, reason.detail)


def refused(owner: type, topic: str, response: object) -> None:
    """Tell that a client was answered ``response``, an error, by ``owner``, and log it.

    The reason that is told is one of ours: what an application answers to a join that it does not
    accept is told as ``join refused``.
    """
    told = telemetry.listens(REFUSED)
    if told or logger.isEnabledFor(logging.INFO):
        reason = response
        if isinstance(response, dict):
            said = response.get("reason")
            reason = said if isinstance(said, str) and said in _OWN else "join refused"
        elif not isinstance(response, str):
            reason = "join refused"
        if reason != UNMATCHED:  # which is a warning, where it is found
            words = "%s: refused a client at %.100r: %s"
            LINES.log(logging.INFO, (owner, reason), words, owner.__name__, topic, reason)
        if told:
            about = {"owner": owner, "topic": topic, "reason": reason}
            telemetry.execute(REFUSED, {"count": 1}, about)


def closed(channel: Any, reason: Reason) -> None:
    """Tell that a channel that was joined has ended."""
    if telemetry.listens(CLOSED):
        about = {"channel": type(channel), "topic": channel.topic, "reason": reason}
        telemetry.execute(CLOSED, {"count": 1}, about)


def left(channel: Any, since: float) -> None:
    """Tell that a client has left, which had joined at ``since``, by the dispatcher's clock."""
    if telemetry.listens(LEFT):
        duration = channel.dispatcher.clock() - since
        about = {"channel": type(channel), "topic": channel.topic}
        telemetry.execute(LEFT, {"duration": duration}, about)


def undecodable(owner: type, version: str, size: int, error: Exception) -> None:
    """Tell that a client of ``owner`` is ended for a message of ``size`` that cannot be read."""
    if telemetry.listens(UNDECODABLE):
        about = {"socket": owner, "serializer": version, "cause": str(error)[:200]}
        telemetry.execute(UNDECODABLE, {"bytes": size}, about)


def undeliverable(topic: str, event: str, body: Body, serializer: object, error: Exception) -> None:
    """Tell that ``serializer`` could not encode a broadcast for its clients."""
    if telemetry.listens(UNDELIVERABLE):
        about = {
            "topic": topic,
            "event": event,
            "serializer": type(serializer),
            "cause": type(error),
        }
        telemetry.execute(UNDELIVERABLE, {"bytes": len(body.json or body.binary or b"")}, about)
