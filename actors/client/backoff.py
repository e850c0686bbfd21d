"""Pauses between attempts, left to chance as a whole: clients that failed together part."""

from __future__ import annotations

from collections.abc import Callable

_LONG = 32  # doublings, after which no pause is below its longest


class FullJitter:
    """Answers pauses in [0, ``first``), [0, 2 * ``first``) and so on, up to ``longest`` seconds.

    ``chance()`` is in [0, 1). phoenix.js waits for whole steps, so that a server which comes back
    has all of its clients at the same moment.
    """

    def __init__(self, first: float, longest: float, chance: Callable[[], float]) -> None:
        self._first = first
        self._longest = longest
        self._chance = chance
        self._tries = 0

    def next(self) -> float:
        """Return the seconds to wait."""
        bound: float = min(self._longest, self._first * 2**self._tries)
        self._tries = min(self._tries + 1, _LONG)
        return bound * self._chance()

    def reset(self) -> None:
        """Begin anew: what was tried has succeeded."""
        self._tries = 0
