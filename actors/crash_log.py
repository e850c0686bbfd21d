"""The log lines of crashes: what crashed, the error, where; with the stack, and within bounds.

A line of a place is written :data:`LINES` times in :data:`PERIOD` seconds, the first time with the
stack. Others are counted, and the count is told: see :class:`~actors.capped_log.CappedLog`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Final

import actors.logs.guard  # noqa: F401 - makes our loggers and their lines safe
from actors.capped_log import CappedLog, Later
from actors.crash_text import crash, place

LINES: Final = 20
PERIOD: Final = 10.0


Watcher = Callable[[BaseException, str, tuple[object, ...]], object]

_watchers: list[Watcher] = []


def watch(watcher: Watcher) -> Callable[[], None]:
    """Call ``watcher(error, message, args)`` for each crash, held back or not, where it happens.

    It must neither block nor raise. Returns what ends that.
    """
    _watchers.append(watcher)
    return lambda: _watchers.remove(watcher)


_lent: tuple[Later, Callable[[], bool]] | None = None


def use(call_later: Later, on_this_thread: Callable[[], bool]) -> None:
    """Have counts told in time, on the thread of ``call_later``: else the next line tells them.

    They are the dispatcher's, which logs crashes itself and so is not imported here.
    """
    global _lent  # noqa: PLW0603 - one per process, as the dispatcher
    _lent = call_later, on_this_thread


def forget() -> None:
    """Use nothing more: in a forked child nobody would call."""
    global _lent  # noqa: PLW0603
    _lent = None


def later(delay: float, function: Callable[[], None]) -> None:
    """Call ``function`` in ``delay`` seconds, where this is the dispatcher's thread."""
    if _lent is not None and _lent[1]():
        _lent[0](delay, function)


def capped(logger: logging.Logger) -> CappedLog:
    """Make a log for lines that clients can cause: one in each second for each kind.

    How many were held back is told at info level.
    """
    return CappedLog(logger, count_level=logging.INFO, later=later)


class CrashLog:
    """Logs crashes to ``logger`` at error level, and how many were held back at info level."""

    def __init__(
        self, logger: logging.Logger, *, burst: int = LINES, period: float = PERIOD
    ) -> None:
        self._lines = CappedLog(
            logger, burst=burst, period=period, count_level=logging.INFO, later=later
        )

    def log(
        self, error: BaseException, message: str, *args: object, owner: Hashable = None
    ) -> None:
        """Log ``message % args`` and what ``error`` is and where.

        Lines count as alike that have the place, the type of error, the ``message`` and the
        ``owner`` in common.
        """
        for watcher in tuple(_watchers):
            watcher(error, message, args)
        kind = (place(error), type(error), message, owner)
        self._lines.log(logging.ERROR, kind, f"{message}: %s", *args, crash(error), error=error)
