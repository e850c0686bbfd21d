"""What all workers have counted: those that live, and those that have ended.

A worker says its totals in its beats::

    {
        "series": {name: [[[label values...], value], ...]},
        "declared": {name: {"kind", "help", "labels", "merge", "buckets"}},
        "final": True,
    }

``value`` is a number for counters and gauges; for a histogram it is a list: how many observations
fell into each bucket (not cumulative), how many beyond the last, and their sum. ``declared`` has
the application's own metrics; Roost's are in :mod:`actors.metrics.catalogue`, which wins. ``final``
is in the last beat before an orderly end.

Counters and histograms of a worker that has ended are added to what is *retired*, once; gauges are
those of live workers alone. A worker may be of another release: what is unknown or ill-formed is
passed over, part by part, and nothing raises. Where workers declare a metric of the application in
different ways, the way of the worker that came last counts, and the others' values are passed over.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from actors.metrics.catalogue import CATALOGUE, OTHER, Metric

Value = Any
"""An ``int`` or a ``float``, or a histogram's list."""

Rows = dict[tuple[str, ...], Value]

MAX_NAMES: Final = 1000
"""Metrics of applications that are kept; more are passed over."""

MAX_ROWS: Final = 2000
"""Series of one metric that are kept of ended workers; what others of them counted is ``other``."""

MAX_TEXT: Final = 1000
"""Characters of a label's value, a name or a help text; what has more is passed over."""

MAX_LABELS: Final = 16
MAX_BUCKETS: Final = 200
MAX_INT: Final = 2**62  # what is larger would not travel, once some of it are added up

_KINDS: Final = ("counter", "gauge", "histogram")  # no sets: what is asked about may be a list
_MERGES: Final = ("sum", "max")
_ENDED: Final = 256  # names of workers that have ended, of which nothing is heard any more


@dataclass(slots=True)
class Counts:
    """Checked totals: ``series`` by name and label values. ``declared``: the application's."""

    series: dict[str, Rows] = field(default_factory=dict)
    declared: dict[str, Metric] = field(default_factory=dict)
    final: bool = False

    def metric(self, name: str) -> Metric:
        """Return what a name of ``series`` is."""
        return CATALOGUE.get(name) or self.declared[name]

    def plain(self) -> dict[str, Any]:
        """Return them as they travel."""
        series = {
            name: [[list(labels), value] for labels, value in rows.items()]
            for name, rows in self.series.items()
        }
        return {"series": series, "declared": {n: _plain(m) for n, m in self.declared.items()}}


def read(given: object) -> Counts:
    """Return what of ``given`` is understood."""
    counts = Counts()
    if not isinstance(given, dict):
        return counts
    counts.final = given.get("final") is True
    for name, declared in _items(given.get("declared"))[:MAX_NAMES]:
        metric = None if name in CATALOGUE else _metric(name, declared)
        if metric is not None:
            counts.declared[name] = metric
    for name, rows in _items(given.get("series")):
        metric = CATALOGUE.get(name) or counts.declared.get(name)
        if metric is not None and metric.source == "worker" and isinstance(rows, list):
            counts.series[name] = _rows(metric, rows)
    return counts


def merge(retired: object, live: Iterable[object]) -> dict[str, Any]:
    """Return the totals of all; ``retired`` and each of ``live`` are totals as they travel."""
    return _merged(read(retired), [read(each) for each in live]).plain()


class Totals:
    """The master's book. ``missed``: workers that had counted, or served, without a last beat."""

    def __init__(self) -> None:
        self.missed = 0
        self._live: dict[str, Counts] = {}
        self._retired = Counts()
        self._newest: dict[str, int] = {}  # which worker's way of declaring a retired metric counts
        self._order: dict[str, int] = {}
        self._count = 0
        self._ended: deque[str] = deque(maxlen=_ENDED)
        self._told: set[str] = set()

    def heard(self, worker: str, given: object) -> list[str]:
        """Take the totals of a live worker; return what is wrong with them, each thing once.

        A counter that fell is a bug: the larger value is kept.
        """
        if worker not in self._live:
            if worker in self._ended:
                return self._tell("", f"{worker} counts although it has ended")
            self._count += 1
            self._order[worker] = self._count
            self._live[worker] = Counts()
        before, counts = self._live[worker], read(given)
        self._live[worker] = counts
        return [
            words
            for name in before.series
            if _keep(before, counts, name)
            for words in self._tell(name, f"{name} of {worker} fell: the larger value is kept")
        ]

    def _tell(self, about: str, words: str) -> list[str]:
        if about in self._told or len(self._told) >= MAX_NAMES:
            return []
        self._told.add(about)
        return [words]

    def retire(self, worker: str, *, served: bool) -> None:
        """Keep what a worker has counted that has ended; only once.

        ``served``: it was ready, so it is missed also where it has never said what it counted. One
        that was not has served nothing.
        """
        counts = self._live.pop(worker, None)
        if counts is None:
            self.missed += served and worker not in self._ended
            self._ended.append(worker)
            return
        self._ended.append(worker)
        order = self._order.pop(worker)
        self.missed += not counts.final
        kept = self._retired
        for name, metric in counts.declared.items():
            known = kept.declared.get(name)
            if known is None and len(kept.declared) >= MAX_NAMES:
                continue
            if known is not None and self._newest[name] > order:
                continue
            if known is None or _shape(known) != _shape(metric):
                kept.series.pop(name, None)
            kept.declared[name], self._newest[name] = metric, order
        _add(kept, counts, gauges=False, most=MAX_ROWS)

    def merged(self) -> dict[str, Any]:
        """Return the totals of all workers, live or not."""
        return _merged(self._retired, self._live.values()).plain()

    def of(self, worker: str) -> dict[str, Any] | None:
        """Return a live worker's totals; ``None``: it has said none."""
        counts = self._live.get(worker)
        return None if counts is None else counts.plain()

    def retired(self) -> dict[str, Any]:
        """Return those of the workers that have ended, all together."""
        return self._retired.plain()


def _keep(before: Counts, counts: Counts, name: str) -> bool:
    """Keep in ``counts`` what it had ``before``; return whether something of it fell.

    A gauge may fall; so may the sum of a histogram, which may observe negative numbers.
    """
    metric = before.metric(name)
    if metric.kind == "gauge":
        return False
    if name not in CATALOGUE:
        if name not in counts.declared and len(counts.declared) >= MAX_NAMES:
            return False
        now = counts.declared.setdefault(name, metric)
        if _shape(now) != _shape(metric):
            return False
    rows, fell = counts.series.setdefault(name, {}), False
    for labels, value in before.series[name].items():
        if labels not in rows:
            if len(rows) < MAX_ROWS:
                rows[labels] = value
            continue
        new = rows[labels]
        if metric.kind == "histogram":
            lower = any(is_ < was for is_, was in zip(new[:-1], value[:-1], strict=True))
        else:
            lower = new < value
        if lower:
            rows[labels], fell = value, True
    return fell


def _merged(retired: Counts, live: Iterable[Counts]) -> Counts:
    """Return the sum; of metrics that were declared in several ways those of the last."""
    live = list(live)
    whole = Counts()
    for counts in (retired, *live):
        whole.declared |= counts.declared
    _add(whole, retired, gauges=False)
    for counts in live:
        _add(whole, counts, gauges=True)
    return whole


def _add(whole: Counts, counts: Counts, *, gauges: bool, most: float = math.inf) -> None:
    """Add ``counts`` to ``whole``, whose declarations count."""
    for name, rows in counts.series.items():
        metric = counts.metric(name)
        if metric.kind == "gauge" and not gauges:
            continue
        wanted = CATALOGUE.get(name) or whole.declared.get(name)
        if wanted is None or _shape(wanted) != _shape(metric):
            continue
        into = whole.series.setdefault(name, {})
        for labels, value in rows.items():
            key = labels
            if key not in into and len(into) >= most:
                key = (OTHER,) * len(labels)
            into[key] = _plus(wanted, into[key], value) if key in into else value


def _plus(metric: Metric, one: Value, other: Value) -> Value:
    if metric.kind == "histogram":
        return [_sum(*both) for both in zip(one, other, strict=True)]
    if metric.kind == "gauge" and metric.merge == "max":
        return max(one, other)
    return _sum(one, other)


def _sum(one: float, other: float) -> float:
    total = one + other
    return total if -MAX_INT < total < MAX_INT else float(total)


def _shape(metric: Metric) -> tuple[object, ...]:
    """Return what two metrics of one name must have in common for their values to be added."""
    return metric.kind, metric.labels, metric.buckets


# -- what a worker says


def _items(given: object) -> list[tuple[str, Any]]:
    if not isinstance(given, dict):
        return []
    return [(name, value) for name, value in given.items() if _is_text(name)]


def _is_text(given: object) -> bool:
    return isinstance(given, str) and len(given) <= MAX_TEXT


def _texts(given: object, most: int) -> tuple[str, ...] | None:
    if not isinstance(given, list) or len(given) > most or not all(map(_is_text, given)):
        return None
    return tuple(given)


def _plain(metric: Metric) -> dict[str, Any]:
    return {
        "kind": metric.kind,
        "help": metric.help,
        "labels": list(metric.labels),
        "merge": metric.merge,
        "buckets": list(metric.buckets),
    }


def _metric(name: str, given: object) -> Metric | None:
    if not isinstance(given, dict):
        return None
    kind, text, merge = given.get("kind"), given.get("help"), given.get("merge", "sum")
    labels, buckets = _texts(given.get("labels"), MAX_LABELS), _buckets(given.get("buckets", []))
    if kind not in _KINDS or merge not in _MERGES or labels is None or buckets is None:
        return None
    if not isinstance(text, str) or len(text) > MAX_TEXT or bool(buckets) != (kind == "histogram"):
        return None
    return Metric(name=name, kind=kind, help=text, labels=labels, merge=merge, buckets=buckets)


def _buckets(given: object) -> tuple[float, ...] | None:
    if not isinstance(given, list) or len(given) > MAX_BUCKETS or not all(map(_is_number, given)):
        return None
    return tuple(given) if given == sorted(set(given)) else None


def _rows(metric: Metric, given: list[Any]) -> Rows:
    rows: Rows = {}
    for row in given[:MAX_ROWS]:
        if not isinstance(row, list) or len(row) != 2:
            continue
        labels = _texts(row[0], MAX_LABELS)
        if labels is not None and len(labels) == len(metric.labels) and _fits(metric, row[1]):
            rows[labels] = row[1]
    return rows


def _fits(metric: Metric, value: object) -> bool:
    if metric.kind == "histogram":
        return (
            isinstance(value, list)
            and len(value) == len(metric.buckets) + 2
            and all(map(_is_number, value))
            and min(value[:-1]) >= 0
        )
    return _is_number(value) and (metric.kind == "gauge" or value >= 0)  # type: ignore[operator]


def _is_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and -MAX_INT < value < MAX_INT
