"""What waits for a carrier while there is none, and does not want to wait for ever.

Nothing is noted for each turn that is queued: nearly all run at once. While all carriers are
blocked the queue is looked at once in :data:`LOOK` seconds, and who is found in it is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from actors.runtime.carrier import Runnable
from actors.runtime.timers import Timers

LOOK: Final = 1.0
"""Seconds between two looks."""


class Impatient(Runnable):
    """A base of runnables that are told when they wait for a carrier in vain."""

    __slots__ = ()

    def on_stuck(self) -> None:
        """Learn, on the loop and perhaps again, that there is no carrier; must not block."""
        raise NotImplementedError


class Stuck:
    """Looks at ``queue`` while ``full()`` says that all carriers are blocked."""

    def __init__(self, queue: Iterable[Runnable], full: Callable[[], bool], timers: Timers) -> None:
        self._queue = queue
        self._full = full
        self._timers = timers
        self._looks = False

    def watch(self) -> None:
        """Look from now on where all carriers are blocked, until they are not."""
        if self._full() and not self._looks:
            self._looks = True
            self._timers.call_later(LOOK, self._look)

    def _look(self) -> float | None:
        if not self._full():
            self._looks = False
            return None
        for runnable in tuple(self._queue):
            if isinstance(runnable, Impatient):
                runnable.on_stuck()
        return self._timers.now() + LOOK
