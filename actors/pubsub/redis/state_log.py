"""Log lines about a state that may flap: one a second at most, and the last is never missing."""

from __future__ import annotations

import logging
from typing import Final

from actors.runtime.timers import Timer, Timers

PERIOD: Final = 1.0
"""Seconds from one line to the next."""


class StateLog:
    """Writes each change at once, or when it may; of those that waited only the last."""

    def __init__(self, logger: logging.Logger, timers: Timers) -> None:
        self._logger = logger
        self._timers = timers
        self._next = 0.0
        self._timer: Timer | None = None
        self._waiting = (logging.NOTSET, "")
        self._skipped = 0

    def say(self, level: int, text: str) -> None:
        """Log that the state is ``text`` now."""
        if self._timer is not None:
            self._skipped += 1
        self._waiting = level, text
        if self._timers.now() >= self._next:
            self._write()
        elif self._timer is None:
            self._timer = self._timers.call_at(self._next, self._write)

    def close(self) -> None:
        """Write what waits, and nothing more afterwards."""
        if self._timer is not None:
            self._timer.cancel()
            self._write()

    def _write(self) -> None:
        level, text = self._waiting
        many = "s" if self._skipped > 1 else ""
        more = f" ({self._skipped} change{many} before)" if self._skipped else ""
        self._timer, self._skipped = None, 0
        self._next = self._timers.now() + PERIOD
        self._logger.log(level, "%s%s", text, more)
