"""An application's own metrics, shown beside Roost's (docs/metrics.md).

    from actors import metrics

    sent = metrics.counter("mails_sent", "Mails sent.", labels=("kind",))
    sent.inc(kind="welcome")

They work in any process, thread and greenlet. They are told to the master, and shown, where the
server runs with ``--ops``.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.metrics.registry import (
    DEFAULT_BUCKETS,
    REGISTRY,
    Counter,
    Gauge,
    Histogram,
    Merge,
    checked,
)

__all__ = ["Counter", "Gauge", "Histogram", "counter", "gauge", "histogram"]


def counter(name: str, help: str = "", *, labels: Sequence[str] = ()) -> Counter:  # noqa: A002 - Prometheus' word
    """Return the counter of that name, which is shown with ``_total`` behind it.

    Its values are added up over all workers, also those that have ended. Declared twice in the same
    way it is one; ``ValueError``: in another way, or a name that Prometheus would not take.
    """
    made = Counter(REGISTRY, checked(name=name, kind="counter", text=help, labels=labels))
    found = REGISTRY.declare(made)
    assert isinstance(found, Counter)  # noqa: S101 - for mypy: declare returns its like
    return found


def gauge(
    name: str,
    help: str = "",  # noqa: A002 - Prometheus' word
    *,
    labels: Sequence[str] = (),
    merge: Merge = "sum",
) -> Gauge:
    """Return the gauge of that name; of live workers ``merge`` shows the sum or the maximum."""
    made = Gauge(REGISTRY, checked(name=name, kind="gauge", text=help, labels=labels, merge=merge))
    found = REGISTRY.declare(made)
    assert isinstance(found, Gauge)  # noqa: S101 - as above
    return found


def histogram(
    name: str,
    help: str = "",  # noqa: A002 - Prometheus' word
    *,
    labels: Sequence[str] = (),
    buckets: Sequence[float] = DEFAULT_BUCKETS,
) -> Histogram:
    """Return the histogram of that name; ``buckets`` are upper bounds, in seconds by default."""
    metric = checked(name=name, kind="histogram", text=help, labels=labels, buckets=buckets)
    found = REGISTRY.declare(Histogram(REGISTRY, metric))
    assert isinstance(found, Histogram)  # noqa: S101 - as above
    return found
