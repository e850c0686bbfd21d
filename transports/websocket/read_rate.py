"""How many messages of a client are read in a second."""

from __future__ import annotations

from typing import Final

MAX_PAUSE: Final = 30.0
"""Seconds for which a client may be too fast without a break; then it is closed with 1008."""


class ReadRate:
    """A bucket of one second's worth of messages, full at ``now`` (monotonic seconds).

    ``since``: when reading paused for a client that has been too fast ever since; a read within
    the rate, or a second without one, is a break.
    """

    __slots__ = ("_at", "_left", "_most", "_rate", "since")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._left = self._most = max(1.0, rate)
        self._at = now
        self.since: float | None = None

    def spend(self, count: int, now: float) -> float:
        """Count the messages of one read; return for how many seconds not to read again, or 0."""
        self._left = min(self._left + (now - self._at) * self._rate, self._most)
        self._at = now
        if self._left == self._most:
            self.since = None
        self._left -= count
        if self._left >= 0:
            self.since = None
            return 0.0
        if self.since is None:
            self.since = now
        return (1 - self._left) / self._rate  # until there is room for one again

    @property
    def until(self) -> float:
        """When a client that has been too fast since :attr:`since` is given up."""
        return float("inf") if self.since is None else self.since + MAX_PAUSE
