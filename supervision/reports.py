"""One log line for each thing that a supervisor has to tell (supervisor(3), "errorContext").

``child_terminated``: a child ended by itself. ``start_error``: one did not start.
``shutdown_error``: one that was stopped did not end as it should. ``shutdown``: the supervisor
gives up. A line names the supervisor, the context, the reason and the offender, and is bounded
in depth and size whatever they hold. What a child is started with is never shown: it may be secret.
"""

from __future__ import annotations

import logging
import reprlib
from typing import Any

from actors import telemetry
from actors.crash_text import place
from actors.logs.escaping import escaped
from actors.reasons import Crash, FailedToStart, Failure, Reason, Shutdown
from supervision.plan import Child

logger = logging.getLogger("roost.supervision")

MAX_TEXT = 200
"""Characters of any one part of a line."""

MAX_DEPTH = 4
"""Levels of nested reasons, and of containers within a detail."""

_repr = reprlib.Repr()
_repr.maxlevel = MAX_DEPTH
_repr.maxstring = _repr.maxother = MAX_TEXT


def report(supervisor: object, context: str, reason: Reason | str, child: Child) -> None:
    """Log what happened to ``child``, and where if it was a crash."""
    spec = child.spec
    logger.error(
        "%.200s: %s: %s (child %s, ref %.200s, %s, %s)",
        supervisor,
        context,
        reason if isinstance(reason, str) else words(reason) + _where(reason),
        text(spec.id),
        child.ref,
        spec.restart,
        spec.type,
    )


def restarting(supervisor: object, count: int, child: Child) -> None:
    """Tell that a supervisor starts ``child`` again, as one of ``count`` within its period."""
    if telemetry.listens("supervisor.restart"):
        about = {"supervisor": named(supervisor), "child": child.spec.id, "reason": child.reason}
        telemetry.execute("supervisor.restart", {"count": count}, about)


def gave_up(supervisor: object, count: int, child: Child) -> None:
    """Log and tell that ``child`` was one restart too many, with ``count`` within the period."""
    report(supervisor, "shutdown", "reached_max_restart_intensity", child)
    if telemetry.listens("supervisor.gave_up"):
        about = {"supervisor": named(supervisor), "child": child.spec.id, "reason": child.reason}
        telemetry.execute("supervisor.gave_up", {"count": count}, about)


def named(supervisor: object) -> str:
    """Return what a supervisor says of itself: its class and URN, bounded."""
    return f"{supervisor!s:.200}"


def words(reason: Reason, depth: int = MAX_DEPTH) -> str:
    """Say a reason in a bounded number of words, on one line."""
    if isinstance(reason, FailedToStart):
        inner = words(reason.reason, depth - 1) if depth else "..."
        return f"child {text(reason.child)} failed to start: {inner}"
    if isinstance(reason, Crash):
        return _crash(reason.exception)
    name = type(reason).__name__.lower()
    if isinstance(reason, Failure) or (isinstance(reason, Shutdown) and reason.detail is not None):
        return f"{name} {text(reason.detail)}"
    return name


def trouble(child: Child, ref: Any) -> str:
    """Say that ``child``, which was ``ref``, ended, and what had before it did, down to the cause.

    A supervisor that gives up has ended in good order: what matters is the trouble it had.
    """
    said = f"{text(child.spec.id)} ended ({words(ref.exit_reason)})"
    inner = getattr(getattr(getattr(ref, "actor_inbox", None), "actor", None), "trouble", None)
    return said if inner is None else f"{said}, as {inner}"


def text(value: Any) -> str:
    """Show a value; never raises, whatever its ``__repr__`` does."""
    shown = getattr(value, "__qualname__", None) if isinstance(value, type) else None
    return escaped((shown or _repr.repr(value))[:MAX_TEXT])


def _crash(error: BaseException) -> str:
    try:
        message = escaped(str(error)[:MAX_TEXT])[:MAX_TEXT]
    except Exception:  # noqa: BLE001 - an exception of the user's, with any __str__ whatever
        message = "(it has no text)"
    return f"{type(error).__name__}: {message}"


def _where(reason: Reason) -> str:
    """Say where what is behind ``reason`` crashed; nothing where it did not."""
    for _ in range(MAX_DEPTH):
        if not isinstance(reason, FailedToStart):
            break
        reason = reason.reason
    at = place(reason.exception) if isinstance(reason, Crash) else ""
    return at and f" at {at}"
