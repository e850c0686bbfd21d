"""How often a client may do something: a rate with a burst, and what counts as a flood."""

from __future__ import annotations

FLOOD: float = 2.0
"""Times the rate that nobody has who means well."""

FLOOD_SECONDS: float = 5.0
"""Seconds that a flood lasts until the connection ends (1008)."""


class Rate:
    """``rate`` in a second, ``burst`` at once; ``now`` is the time in seconds by any clock."""

    __slots__ = ("_at", "_burst", "_count", "_left", "_rate", "_since")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._left = burst
        self._at = now
        self._since = now
        self._count = 0

    def spend(self, now: float) -> bool:
        """Count one more; return whether it is within the rate."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if now - self._since >= FLOOD_SECONDS:
            self._since, self._count = now, 0
        self._count += 1
        if self._left < 1 - 1e-6:  # sums of fractions fall short
            return False
        self._left -= 1
        return True

    @property
    def flooded(self) -> bool:
        """Whether more came in :data:`FLOOD_SECONDS` than :data:`FLOOD` times the rate.

        Never where all of it was within the rate and its burst.
        """
        most = max(FLOOD * self._rate * FLOOD_SECONDS, self._burst + self._rate * FLOOD_SECONDS)
        return self._count > most
