"""How many observations fell into which bucket."""

from __future__ import annotations

from bisect import bisect_left


class Histogram:
    """``bounds`` are the buckets' upper bounds, which are in them (``le``)."""

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, value: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def value(self) -> list[float]:
        """Return what each bucket has, what is beyond the last, and the sum of all."""
        return [*self._counts, self._sum]
