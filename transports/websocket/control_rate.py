"""How many control frames a peer may send (RFC 6455 §10.4 leaves such limits to us)."""

from __future__ import annotations

from typing import Final

from actors.errors import PolicyViolation

CONTROL_BURST: Final = 10
"""Seconds' worth of control frames that may come at once."""


class ControlRate:
    """Bounds a sustained rate, in frames per second, by a bucket of :data:`CONTROL_BURST` seconds.

    It is full at ``now``, which is monotonic seconds.
    """

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._left = rate * CONTROL_BURST
        self._at = now

    def spend(self, now: float) -> None:
        """Count one frame; :class:`PolicyViolation` where it is one too many."""
        earned = (now - self._at) * self._rate
        self._left = min(self._left + earned, self._rate * CONTROL_BURST)
        self._at = now
        if self._left < 1:
            raise PolicyViolation(f"more than {self._rate} control frames per second")
        self._left -= 1
