"""How long to wait before what failed is tried again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

FIRST: Final = 1.0
"""Seconds before the first further attempt; each one after it waits twice as long."""

LONGEST: Final = 30.0

STEADY: Final = 30.0
"""Seconds after which what runs counts as sound: if it fails then, the waits begin anew."""

JITTER: Final = 0.25
"""The part of a wait that is left to chance, so that those that failed together part."""


class Backoff:
    """Answers 1, 2, 4 ... 30 seconds. ``chance()`` in [0, 1) shortens each by up to a quarter.

    ``first`` and ``longest`` are for other waits than these.
    """

    def __init__(
        self,
        chance: Callable[[], float] | None = None,
        *,
        first: float = FIRST,
        longest: float = LONGEST,
    ) -> None:
        self._chance = chance
        self._first, self._longest = first, longest
        self._next = first

    def after(self, ran: float) -> float:
        """Return the seconds to wait, where what was tried has run for ``ran`` seconds."""
        if ran >= STEADY:
            self.reset()
        wait, self._next = self._next, min(self._longest, 2 * self._next)
        return wait if self._chance is None else wait * (1.0 - JITTER * self._chance())

    def reset(self) -> None:
        """Begin anew."""
        self._next = self._first
