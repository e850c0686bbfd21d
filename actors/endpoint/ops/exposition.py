"""A snapshot as Prometheus reads it: its text format, or OpenMetrics where ``Accept`` prefers that.

Roost's own metrics have the prefix ``roost_``. An application's keep the name that it gave them;
one that would clash with another metric, or is no name, is left out, with one line in the log.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from actors import __version__
from actors.metrics.catalogue import CATALOGUE, PREFIX
from actors.metrics.registry import SUFFIXES
from actors.speedups import BUILD
from supervision.processes.snapshot import totals_of

TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_openmetrics: Any = openmetrics.generate_latest  # which has no types

logger = logging.getLogger("roost.ops")


def rendered(
    whole: Mapping[str, Any], age: float, own: Mapping[str, Any], accept: str
) -> tuple[bytes, str]:
    """Return the page and its content type.

    ``age``: of the snapshot. ``own`` is what this process uses: ``rss`` in bytes, ``cpu`` in
    seconds, ``fds``.
    """
    totals = totals_of(whole, age=age)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Totals(totals, own))
    if prefers_openmetrics(accept):
        return _openmetrics(registry), OPENMETRICS
    return generate_latest(registry), TEXT


def prefers_openmetrics(accept: str) -> bool:
    """Whether an ``Accept`` wants OpenMetrics at least as much as the text format (RFC 9110)."""
    found: dict[str, float] = {}
    for each in accept.split(","):
        kind, *parameters = (part.strip().lower() for part in each.split(";"))
        found[kind] = max(found.get(kind, 0.0), _quality(parameters))
    # What names a type counts before what names a part of it (RFC 9110 §12.5.1).
    text = next((found[kind] for kind in ("text/plain", "text/*", "*/*") if kind in found), 0.0)
    return found.get("application/openmetrics-text", 0.0) >= max(text, 1e-9)


def _quality(parameters: Iterable[str]) -> float:
    for each in parameters:
        name, _, value = each.partition("=")
        if name.strip() == "q":
            try:
                quality = float(value)
            except ValueError:
                return 0.0
            return quality if 0.0 <= quality <= 1.0 else 0.0
    return 1.0


class _Totals(Collector):
    """What a registry asks: the metrics of one scrape."""

    def __init__(self, totals: Mapping[str, Any], own: Mapping[str, Any]) -> None:
        self._totals = totals
        self._own = own

    def collect(self) -> Iterator[Metric]:
        series: Mapping[str, Any] = self._totals["series"]
        taken: set[str] = set()
        for name, metric in CATALOGUE.items():
            rows = series.get(name)
            if name in _OWN:
                value = self._own.get(_OWN[name])
                rows = None if value is None else [[[], value]]
            elif name == "build_info":
                rows = [[[__version__, platform.python_version(), BUILD], 1]]
            if rows:
                family = _family(
                    PREFIX + name, metric.kind, metric.help, metric.labels, metric.buckets, rows
                )
                taken |= _names(family)
                yield family
        for name, declared in sorted(self._totals["declared"].items()):
            found = _of_application(name, declared, series.get(name) or (), taken)
            if found is not None:
                yield found


_OWN: Final = {
    "ops_resident_memory_bytes": "rss",
    "ops_cpu_seconds_total": "cpu",
    "ops_open_fds": "fds",
}

_complained: set[str] = set()


def _of_application(
    name: str, declared: Mapping[str, Any], rows: Iterable[Any], taken: set[str]
) -> Metric | None:
    """Return a metric of the application's; ``None`` where it cannot be shown."""
    kind, labels, buckets = declared["kind"], declared["labels"], declared["buckets"]
    try:
        family = _family(name, kind, declared["help"], labels, buckets, rows)
    except ValueError:
        _complain(name, "it is no name of a metric")
        return None
    names = _names(family)
    if names & taken:
        _complain(name, "another has that name")
        return None
    taken |= names
    return family


def _names(family: Metric) -> set[str]:
    """Return the names that no other metric may have beside it."""
    return {family.name + suffix for suffix in SUFFIXES[family.type]}


def _complain(name: str, why: str) -> None:
    if name not in _complained and len(_complained) < 100:
        _complained.add(name)
        logger.warning("metric %.100r is not shown: %s", name, why)


def _family(  # noqa: PLR0917 - what makes a metric
    name: str,
    kind: str,
    text: str,
    labels: Iterable[str],
    buckets: Iterable[float],
    rows: Iterable[Any],
) -> Metric:
    """Return a metric with its samples. ``ValueError``: its name is none."""
    base = name.removesuffix("_total") if kind == "counter" else name
    family = Metric(base, text, kind)
    names = list(labels)
    for values, value in rows:
        at = dict(zip(names, values, strict=True))
        if kind == "histogram":
            _add_histogram(family, at, [*map(floatToGoString, buckets), "+Inf"], value)
        else:
            family.add_sample(base + ("_total" if kind == "counter" else ""), at, value)
    return family


def _add_histogram(
    family: Metric, labels: dict[str, str], bounds: list[str], value: list[float]
) -> None:
    """Add what was observed.

    One with negative numbers has buckets alone: OpenMetrics forbids a sum that may fall, and a
    count without a sum; who reads it would refuse the whole page.
    """
    *counts, total = value
    summed = list(accumulate(counts))
    for bound, count in zip(bounds, summed, strict=True):
        family.add_sample(f"{family.name}_bucket", {**labels, "le": bound}, count)
    if total < 0 or bounds[0].startswith("-"):
        return
    family.add_sample(f"{family.name}_count", labels, summed[-1])
    family.add_sample(f"{family.name}_sum", labels, total)
