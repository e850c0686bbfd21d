"""What this process counts of Roost's own metrics, by their labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from actors.metrics.catalogue import CATALOGUE, MAX_ROWS, MAX_ZEROS, OTHER
from actors.metrics.histogram import Histogram

Labels = tuple[str, ...]


class Counts:
    """Metrics of :data:`~actors.metrics.catalogue.CATALOGUE`, of which each has few rows."""

    def __init__(self) -> None:
        self._numbers: dict[str, dict[Labels, float]] = {}
        self._histograms: dict[str, dict[Labels, Histogram]] = {}

    def begin(self, name: str, rows: Iterable[Labels]) -> None:
        """Have ``rows`` from now on, at zero until something is counted.

        Who asks how much a counter has grown does not see what it had when it came into being.
        There are :data:`MAX_ZEROS` of them at most, so that others find room.
        """
        known = self._numbers.setdefault(name, {})
        for labels in rows:
            if len(known) >= MAX_ZEROS:
                return
            known.setdefault(labels, 0)

    def add(self, name: str, *labels: str, by: float = 1) -> None:
        """Count up, or down where it is a gauge."""
        rows = self._numbers.setdefault(name, {})
        key = _place(rows, labels)
        rows[key] = rows.get(key, 0) + by

    def put(self, name: str, value: float, *labels: str) -> None:
        """Say what a metric is now."""
        rows = self._numbers.setdefault(name, {})
        rows[_place(rows, labels)] = value

    def observe(self, name: str, value: float, *labels: str) -> None:
        """Count into a histogram."""
        rows = self._histograms.setdefault(name, {})
        key = _place(rows, labels)
        if key not in rows:
            rows[key] = Histogram(CATALOGUE[name].buckets)
        rows[key].observe(value)

    def sum_of(self, name: str) -> float:
        """Return what all rows of a counter or gauge come to."""
        return sum(self._numbers.get(name, {}).values())

    def series(self) -> dict[str, list[Any]]:
        """Return all, as totals travel."""
        series: dict[str, list[Any]] = {
            name: [[list(labels), value] for labels, value in rows.items()]
            for name, rows in self._numbers.items()
        }
        for name, rows in self._histograms.items():
            series[name] = [[list(labels), each.value()] for labels, each in rows.items()]
        return series


def _place(rows: dict[Labels, Any], labels: Labels) -> Labels:
    """Return where to count; there is a bound to how many rows a metric has."""
    if labels in rows or len(rows) < MAX_ROWS:
        return labels
    return (OTHER,) * len(labels)
