"""How long clients that wait are left to other processes, which accept from the same socket."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

LOOK: Final = 0.05
"""Seconds between two looks whether a client still waits."""

PATIENCE: Final = 0.5
"""Seconds without a change at the others after which they are taken not to accept."""


class Patience:
    """Whether others still see to a client that waits. Ask again and again while one does.

    It is over after ``times`` :data:`PATIENCE`.
    """

    __slots__ = ("_seen", "_since", "_times")

    def __init__(self, times: int = 1) -> None:
        self._times = times
        self._seen: Hashable = None
        self._since = 0.0

    def lasts(self, now: float, seen: Hashable) -> bool:
        """Return whether to leave the client to the others.

        ``seen``, which is not ``None``, is what is seen of them: while it changes they do
        something. Once patience is over, it stays so until then.
        """
        if seen != self._seen:
            self._seen, self._since = seen, now
        return now - self._since < PATIENCE * self._times

    def reset(self) -> None:
        """Learn that nobody waits."""
        self._seen = None
