"""The rows that are shown before anything was counted: those whose labels are known beforehand."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from actors.endpoint.mounts import transport_path
from actors.metrics.catalogue import CATALOGUE, ENDS, Metric
from actors.metrics.counts import Counts, Labels

if TYPE_CHECKING:
    from actors.endpoint.mounts import Mounts


def begin(counts: Counts, mounts: Mounts, channels: Iterable[type], slot: str) -> None:
    """Have ``counts`` show zeros for ``mounts``, their classes of ``channels``, and what is fixed.

    ``increase()`` and ``rate()`` of Prometheus miss the first event of a row that comes with it.
    """
    for metric in CATALOGUE.values():
        if metric.kind == "counter" and metric.source == "worker":
            counts.begin(metric.name, _fixed(metric))
    paths = [
        (transport_path(mounted.path, options), name)
        for mounted in mounts.mounts
        for name, options in mounted.transports.items()
    ]
    counts.begin("connections_opened_total", paths)
    counts.begin("connections", [(*each, slot) for each in paths])
    counts.begin("channels", [(slot,)])
    counts.begin("connections_closed_total", ENDS)
    sockets = [mounted.socket_class for mounted in mounts.mounts]
    children = [each for each in mounts.options.children if isinstance(each, type)]
    classes = [*sockets, *channels, *children]
    counts.begin("crashes_total", [(each.__qualname__,) for each in classes])


def _fixed(metric: Metric) -> list[Labels]:
    """Return the rows of a metric that has no label, or one with few values that are known."""
    if not metric.labels:
        return [()]
    known = metric.values or {}
    if len(metric.labels) > 1 or metric.labels[0] not in known:
        return []
    return [(value,) for value in known[metric.labels[0]]]
