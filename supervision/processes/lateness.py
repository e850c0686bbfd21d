"""How late the master is: time in which it did not run is nobody's fault.

It may be stopped (Ctrl-Z), its container paused, its host so busy that it gets no processor. Then
deadlines are over without anybody having looked whether they were kept, or having been able to keep
them. So it looks up often, and what it comes late is added to every deadline.
"""

from __future__ import annotations

import math
from typing import Final

LONGEST_WAIT: Final = 1.0
"""Seconds, at most, that the master waits while deadlines run: a shorter pause goes unnoticed."""

PER_TIMEOUT: Final = 5
"""How often it looks up, at least, in the time that a worker may be silent."""


class Lateness:
    """``now``: the master's clock; ``timeout``: the seconds that a worker may be silent."""

    def __init__(self, now: float, timeout: float) -> None:
        self._tick = min(LONGEST_WAIT, timeout / PER_TIMEOUT)
        self._seen = now
        self._wake = now

    def wake(self, due: float) -> float:
        """Return when to look up again, if a deadline is ``due`` next; infinite: there is none."""
        self._wake = due if due == math.inf else min(due, self._seen + self._tick)
        return self._wake

    def looked(self, now: float) -> float:
        """Return how many seconds later than that it is.

        What took so long may have been the wait, or the work since it looked up before.
        """
        late = now - max(self._seen, self._wake)
        self._seen = now
        return max(0.0, late)
