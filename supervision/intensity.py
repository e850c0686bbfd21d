"""How often a supervisor may restart (supervisor(3), "Maximum Restart Intensity")."""

from __future__ import annotations

from collections import deque


class Intensity:
    """At most ``limit`` restarts within any ``period`` seconds; both ends of a period count.

    One budget serves all children of a supervisor, and an attempt that fails uses it up as well.
    OTP counts whole seconds; here times are what the caller's monotonic clock says.
    """

    __slots__ = ("_times", "limit", "period")

    def __init__(self, limit: int, period: float) -> None:
        self.limit = limit
        self.period = period
        self._times: deque[float] = deque()

    @property
    def count(self) -> int:
        """How many attempts were counted in the period that ended with the last one."""
        return len(self._times)

    def allows(self, now: float) -> bool:
        """Count an attempt at ``now`` seconds; ``False`` means give up."""
        times = self._times
        while times and times[0] < now - self.period:
            times.popleft()
        times.append(now)
        return len(times) <= self.limit
