"""An application's own metrics: declared by name, counted from any thread or greenlet.

A name is that of Prometheus (``[a-zA-Z_:][a-zA-Z0-9_:]*``), and so is a label's, without colons.
What would have a series, or a sample's name, of another metric is refused. The values that are kept
have a bound in series and in bytes, as they travel once a second.
"""

from __future__ import annotations

import logging
import math
import re
import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

from actors.metrics.catalogue import CATALOGUE, PREFIX, Kind, Merge, Metric
from actors.metrics.histogram import Histogram as Buckets

logger = logging.getLogger("roost.metrics")

MAX_SERIES: Final = 200
"""Series of all metrics of an application in a process; what comes then is dropped and counted."""

MAX_BYTES: Final = 98_304
"""The same in bytes of names, labels and values: a beat has to fit into a pipe."""

MAX_NAME: Final = 100
MAX_HELP: Final = 300
MAX_LABELS: Final = 8
MAX_BUCKETS: Final = 64
MAX_VALUE: Final = 128
"""Characters of a label's value; the rest is cut off."""

MAX_INT: Final = 2**53  # beyond it is a float, as in every scrape

DEFAULT_BUCKETS: Final = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_RESERVED: Final = {"le", "quantile"}
SUFFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "counter": ("", "_total", "_created"),
    "gauge": ("",),
    "histogram": ("", "_bucket", "_count", "_sum", "_created"),
}
"""What stands behind a metric's name in the names of its samples, by its kind: no other metric may
have one of these names."""


def _original_lock() -> Any:
    """Return a lock of threads: no greenlet waits while it is held."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None:
        return import_module("_thread").RLock()
    return monkey.get_original("_thread", "RLock")()


class Registry:
    """Metrics by name; ``dropped`` counts updates for which there was no room.

    ``max_series`` is the endpoint's option. Nothing that is done under ``lock`` may switch
    greenlets.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self.max_series = MAX_SERIES
        self.lock = _original_lock()
        self._metrics: dict[str, Own] = {}
        self._samples: dict[str, str] = {}
        self._series = self._bytes = 0
        self._told = False

    def declare(self, made: Own) -> Own:
        """Return the metric of that name, which is ``made`` unless there is an equal one."""
        name = made.metric.name
        with self.lock:
            known = self._metrics.get(name)
            if known is not None:
                if type(known) is type(made) and known.metric == made.metric:
                    return known
                raise ValueError(f"metric {name!r} is declared already, in another way")
            samples = [_base(made.metric) + suffix for suffix in SUFFIXES[made.metric.kind]]
            for sample in samples:
                if sample in self._samples:
                    other = self._samples[sample]
                    raise ValueError(f"metric {name!r} would show {sample!r}, as {other!r} does")
            self._samples.update(dict.fromkeys(samples, name))
            self._metrics[name] = made
            if not made.metric.labels:
                made.row(())  # which is shown before it has counted
            return made

    def full(self) -> bool:
        """Whether there can be no further series; then that is counted. Under the lock."""
        full = self._series >= self.max_series
        self.dropped += full
        return full

    def admit(self, size: int) -> bool:
        """Whether a new series of so many bytes has room; under the lock."""
        if self._bytes + size <= MAX_BYTES:
            self._series += 1
            self._bytes += size
            return True
        self.dropped += 1
        return False

    def tell_dropped(self) -> None:
        """Say once in the log that some were dropped."""
        if self.dropped and not self._told:
            self._told = True
            logger.warning(
                "the application's metrics have over %d series, or %d bytes: others are dropped and"
                " counted in metrics_series_dropped_total; do its labels have few values?",
                self.max_series, MAX_BYTES,
            )  # fmt: skip

    def totals(self) -> dict[str, Any]:
        """Return all values and declarations as they travel."""
        series, declared = {}, {}
        for name, metric in list(self._metrics.items()):
            rows = metric.rows()
            if rows:
                series[name], declared[name] = rows, metric.declaration()
        return {"series": series, "declared": declared}


def _base(metric: Metric) -> str:
    return metric.name.removesuffix("_total") if metric.kind == "counter" else metric.name


class Own:
    """A metric of the application's: made by the functions of :mod:`actors.metrics`."""

    __slots__ = ("_registry", "_rows", "metric")

    def __init__(self, registry: Registry, metric: Metric) -> None:
        self.metric = metric
        self._registry = registry
        self._rows: dict[tuple[str, ...], Any] = {}

    def _key(self, labels: dict[str, object]) -> tuple[str, ...]:
        """Return the values of the labels, in their order; ``ValueError``: others are wanted."""
        names = self.metric.labels
        if len(labels) != len(names) or any(name not in labels for name in names):
            wanted = ", ".join(names) or "no labels"
            raise ValueError(
                f"metric {self.metric.name!r} has {wanted}; got {', '.join(labels) or 'none'}"
            )
        return tuple([_text(labels[name]) for name in names])

    def _update(self, key: tuple[str, ...], change: Callable[[Any], Any]) -> None:
        with self._registry.lock:
            found = self.row(key)
            if found:
                self._rows[key] = change(self._rows[key])
        if not found:
            self._registry.tell_dropped()

    def row(self, key: tuple[str, ...]) -> bool:
        """Whether there is a row for ``key``, which is made where there is room; under the lock."""
        if key in self._rows:
            return True
        if self._registry.full():  # first: there may be very many of those
            return False
        size = sum(len(value.encode()) for value in key) + 16 + 9 * len(self.metric.buckets)
        if not self._rows:
            size += len(self.metric.name) + len(self.metric.help.encode()) + 64
            size += sum(map(len, self.metric.labels)) + 9 * len(self.metric.buckets)
        if not self._registry.admit(size):
            return False
        self._rows[key] = self._new()
        return True

    def _new(self) -> Any:
        return 0

    def rows(self) -> list[Any]:
        """Return each series: the values of its labels, and its own."""
        return [[list(key), value] for key, value in list(self._rows.items())]

    def declaration(self) -> dict[str, Any]:
        """Return what it is, as it travels."""
        metric = self.metric
        return {
            "kind": metric.kind, "help": metric.help, "labels": list(metric.labels),
            "merge": metric.merge, "buckets": list(metric.buckets),
        }  # fmt: skip


class Counter(Own):
    """Counts up."""

    __slots__ = ()

    def inc(self, amount: float = 1, **labels: object) -> None:
        """Add ``amount``, a finite number from 0 on; ``ValueError`` for others, or other labels."""
        key = self._key(labels)
        number = _number(amount)
        if number < 0:
            raise ValueError(f"counter {self.metric.name!r}: {number!r} is below 0")
        self._update(key, lambda before: _sum(before, number))

    add = inc


class Gauge(Own):
    """Is what it was set to last, in each process."""

    __slots__ = ("_ask", "_failed")

    def __init__(self, registry: Registry, metric: Metric) -> None:
        super().__init__(registry, metric)
        self._ask: Callable[[], float] | None = None
        self._failed = False

    def set(self, value: float, **labels: object) -> None:
        """Say what it is: a finite number."""
        number = _number(value)
        self._update(self._key(labels), lambda _: number)

    def inc(self, amount: float = 1, **labels: object) -> None:
        """Add to it."""
        number = _number(amount)
        self._update(self._key(labels), lambda before: _sum(before, number))

    def dec(self, amount: float = 1, **labels: object) -> None:
        """Take from it."""
        self.inc(-_number(amount), **labels)

    def set_function(self, ask: Callable[[], float]) -> None:
        """Have ``ask()`` say what it is, once a second; it must not block. Without labels alone.

        Where it raises, the log says so once, and the gauge is not shown until it answers again.
        """
        if self.metric.labels:
            raise ValueError(f"gauge {self.metric.name!r} has labels: set each value")
        self._ask = ask

    def rows(self) -> list[Any]:
        """As :meth:`Own.rows`; asks the function, where there is one."""
        if self._ask is not None:
            try:
                value = _number(self._ask())
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # whatever it is, SystemExit too: the others are shown
                if not self._failed:
                    self._failed = True
                    logger.warning(
                        "the function of gauge %r failed: %s", self.metric.name,
                        type(error).__name__, exc_info=error,
                    )  # fmt: skip
                return []
            self._update((), lambda _: value)
        return super().rows()


class Histogram(Own):
    """Counts observations in buckets."""

    __slots__ = ()

    def observe(self, value: float, **labels: object) -> None:
        """Count ``value``, a finite number."""
        number = _number(value)

        def change(buckets: Buckets) -> Buckets:
            buckets.observe(number)
            return buckets

        self._update(self._key(labels), change)

    def _new(self) -> Any:
        return Buckets(self.metric.buckets)

    def rows(self) -> list[Any]:
        with self._registry.lock:
            return [[list(key), each.value()] for key, each in self._rows.items()]


def checked(
    *,
    name: object,
    kind: Kind,
    text: object,
    labels: object,
    merge: object = "sum",
    buckets: object = (),
) -> Metric:
    """Return the declaration; ``TypeError`` and ``ValueError`` say which part is wrong, and how."""
    if not isinstance(name, str) or not isinstance(text, str):
        raise TypeError(f"a metric's name and help must be str: {name!r:.120}, {text!r:.120}")
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise ValueError(
            f"metric {name!r:.120}: a name has letters, digits, _ and :, begins with no digit, and"
            f" has at most {MAX_NAME} characters"
        )
    if kind == "counter":
        name = name.removesuffix("_total") + "_total"
    if name.startswith(PREFIX) or name in CATALOGUE:
        raise ValueError(f"metric {name!r}: Roost has one of that name; take a prefix of your own")
    if merge not in ("sum", "max"):
        raise ValueError(f"metric {name!r}: merge={merge!r:.40}; accepted: 'sum', 'max'")
    return Metric(
        name=name, kind=kind, help=text[:MAX_HELP], labels=_labels(name, labels),
        merge="max" if merge == "max" else "sum", buckets=_buckets(name, kind, buckets),
    )  # fmt: skip


def _labels(name: str, given: object) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, tuple | list):
        raise TypeError(f"metric {name!r}: labels={given!r:.80}; accepted: ('kind', 'state')")
    for label in given:
        if not isinstance(label, str) or not _LABEL.fullmatch(label):
            raise ValueError(f"metric {name!r}: {label!r:.80} is no name of a label")
        if label.startswith("__") or label in _RESERVED or len(label) > MAX_NAME:
            raise ValueError(f"metric {name!r}: the label {label!r:.80} is reserved, or too long")
        if label in ("amount", "value", "self"):
            raise ValueError(f"metric {name!r}: a label cannot be called {label!r}")
    if len(set(given)) < len(given) or len(given) > MAX_LABELS:
        raise ValueError(f"metric {name!r}: a label twice, or more than {MAX_LABELS}")
    return tuple(given)


def _buckets(name: str, kind: Kind, given: object) -> tuple[float, ...]:
    if kind != "histogram":
        return ()
    if not isinstance(given, tuple | list) or not given or len(given) > MAX_BUCKETS:
        raise ValueError(f"metric {name!r}: buckets: 1 to {MAX_BUCKETS} numbers are wanted")
    bounds = tuple(float(_number(each)) for each in given if each != math.inf)
    if not bounds or list(bounds) != sorted(set(bounds)):
        raise ValueError(f"metric {name!r}: buckets={given!r:.80}: each must be above the last")
    return bounds


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.80} is no number")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value!r} is no finite number")
        return value
    return value if -MAX_INT < value < MAX_INT else float(value)


def _sum(one: float, other: float) -> float:
    total = one + other
    if isinstance(total, int) and not -MAX_INT < total < MAX_INT:
        return float(total)
    return total if math.isfinite(total) else one


def _text(value: object) -> str:
    text = value if isinstance(value, str) else str(value)
    text = text[:MAX_VALUE]
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


REGISTRY: Final = Registry()
"""That of this process."""


__all__ = ["REGISTRY", "Counter", "Gauge", "Histogram", "Merge", "Registry", "checked"]
