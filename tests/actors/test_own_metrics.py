"""An application's own metrics: what may be declared, what is counted, and what has no room."""

from __future__ import annotations

import logging
import math
import sys
import threading
from typing import Any

import gevent
import pytest

from actors import metrics
from actors.metrics import registry as registries
from actors.metrics.registry import Counter, Gauge, Histogram, Registry, checked
from actors.packets import pack
from supervision.processes import channel
from supervision.processes.totals import read


@pytest.fixture
def registry(monkeypatch):
    """An empty registry, in which :mod:`actors.metrics` declares."""
    made = Registry()
    monkeypatch.setattr(metrics, "REGISTRY", made)
    return made


def shown(registry: Registry) -> dict[str, dict[tuple[str, ...], Any]]:
    """Return what the master understands of what is told it."""
    return read(registry.totals()).series


def test_counter_counts_by_its_labels(registry):
    sent = metrics.counter("mails_sent", "Mails.", labels=("kind",))
    sent.inc(kind="welcome")
    sent.add(2, kind="welcome")
    sent.inc(0.5, kind="other")
    assert shown(registry) == {"mails_sent_total": {("welcome",): 3, ("other",): 0.5}}
    declared = registry.totals()["declared"]["mails_sent_total"]
    assert declared == {
        "kind": "counter", "help": "Mails.", "labels": ["kind"], "merge": "sum", "buckets": [],
    }  # fmt: skip


def test_row_begins_at_zero_where_nothing_is_added(registry):
    sent = metrics.counter("mails_sent", labels=("kind",))
    sent.inc(0, kind="welcome")
    assert shown(registry) == {"mails_sent_total": {("welcome",): 0}}


def test_gauge_goes_up_and_down(registry):
    depth = metrics.gauge("depth", merge="max")
    assert shown(registry) == {"depth": {(): 0}}
    depth.set(5.5)
    depth.inc(2)
    depth.dec()
    assert shown(registry) == {"depth": {(): 6.5}}
    assert registry.totals()["declared"]["depth"]["merge"] == "max"


def test_histogram_counts_in_buckets(registry):
    took = metrics.histogram("took_seconds", buckets=(1, 2, math.inf))
    for seconds in (0.5, 1, 1.5, 9):
        took.observe(seconds)
    assert shown(registry) == {"took_seconds": {(): [2, 1, 1, 12.0]}}


def test_same_name_declared_alike_is_one(registry):
    one = metrics.counter("jobs", labels=("kind",))
    assert metrics.counter("jobs_total", labels=["kind"]) is one
    assert metrics.gauge("size") is metrics.gauge("size")
    assert metrics.histogram("t") is metrics.histogram("t")


@pytest.mark.parametrize(
    "declare",
    [
        lambda: metrics.counter("jobs", "Other words."),
        lambda: metrics.counter("jobs", labels=("kind",)),
        lambda: metrics.gauge("jobs_total"),
        lambda: metrics.gauge("jobs"),
        lambda: metrics.gauge("took_count"),
        lambda: metrics.histogram("took", buckets=(1, 2)),
        lambda: metrics.counter("took"),
    ],
)
def test_same_name_declared_in_another_way_is_refused(registry, declare):
    metrics.counter("jobs")
    metrics.histogram("took")
    with pytest.raises(ValueError, match=r"metric '(jobs|took)"):
        declare()


@pytest.mark.parametrize("name", ["", "1st", "mails-sent", "mails sent", "ä", "x" * 101, "roost_x"])
def test_name_that_prometheus_would_not_take_is_refused(registry, name):
    with pytest.raises(ValueError, match="metric "):
        metrics.counter(name)


@pytest.mark.parametrize("name", ["messages", "connections"])
def test_name_of_one_of_ours_is_refused(registry, name):
    declare = metrics.counter if name == "messages" else metrics.gauge
    with pytest.raises(ValueError, match="take a prefix of your own"):
        declare(name)


@pytest.mark.parametrize(
    "labels",
    [("1",), ("a-b",), ("__name__",), ("le",), ("quantile",), ("a", "a"), ("value",), ("x" * 101,),
     tuple("abcdefghi"), (1,)],
)  # fmt: skip
def test_labels_that_prometheus_would_not_take_are_refused(registry, labels):
    with pytest.raises(ValueError, match="label"):
        metrics.gauge("depth", labels=labels)


def test_what_is_of_another_type_is_refused(registry):
    with pytest.raises(TypeError, match="labels='kind'"):
        metrics.counter("jobs", labels="kind")
    with pytest.raises(TypeError, match="must be str"):
        metrics.counter(7)
    with pytest.raises(ValueError, match="merge='last'"):
        metrics.gauge("depth", merge="last")
    for buckets in ((), (2, 1), (1, 1), (math.inf,), tuple(range(65))):
        with pytest.raises(ValueError, match="buckets"):
            metrics.histogram("took", buckets=buckets)


@pytest.mark.parametrize("labels", [{}, {"sort": "x"}, {"kind": "x", "sort": "y"}])
def test_other_labels_than_declared_are_refused(registry, labels):
    sent = metrics.counter("mails", labels=("kind",))
    with pytest.raises(ValueError, match="metric 'mails_total' has kind; got"):
        sent.inc(**labels)
    with pytest.raises(ValueError, match="has no labels; got kind"):
        metrics.counter("jobs").inc(kind="x")


@pytest.mark.parametrize("value", [math.nan, math.inf, True, "1", None])
def test_what_is_no_finite_number_is_refused(registry, value):
    for change in (
        metrics.counter("jobs").inc,
        metrics.gauge("depth").set,
        metrics.gauge("depth").inc,
        metrics.gauge("depth").dec,
        metrics.histogram("took").observe,
    ):
        with pytest.raises((TypeError, ValueError), match="number"):
            change(value)
    with pytest.raises(ValueError, match="below 0"):
        metrics.counter("jobs").inc(-1)


def test_numbers_beyond_all_bounds_still_travel(registry):
    jobs = metrics.counter("jobs")
    jobs.inc(10**300)
    jobs.inc(1.7e308)
    jobs.inc(1.7e308)
    metrics.counter("small").inc(2**53 - 1)
    metrics.counter("small").inc(2)
    pack(registry.totals())
    assert shown(registry)["jobs_total"] == {(): pytest.approx(1.7e308)}
    assert shown(registry)["small_total"] == {(): 2.0**53 + 1}


def test_values_of_labels_are_text_that_is_cut(registry):
    sent = metrics.counter("mails", labels=("kind",))
    for value in (7, "x" * 1000, "ä\ud800"):
        sent.inc(kind=value)
    kinds = [kind for (kind,) in shown(registry)["mails_total"]]
    assert kinds == ["7", "x" * registries.MAX_VALUE, "ä\\ud800"]
    pack(registry.totals())


def test_values_without_end_cost_no_memory_and_are_counted(registry, caplog):
    sent = metrics.counter("mails", labels=("kind",))
    steady = metrics.gauge("steady")
    with caplog.at_level(logging.WARNING):
        for number in range(50_000):
            sent.inc(kind=str(number))
    assert len(shown(registry)["mails_total"]) == registries.MAX_SERIES - 1
    assert registry.dropped == 50_000 - (registries.MAX_SERIES - 1)
    assert len(caplog.records) == 1
    steady.set(1)
    sent.inc(kind="0")
    assert shown(registry)["mails_total"]["0",] == 2
    assert shown(registry)["steady"] == {(): 1}
    metrics.gauge("late").set(1)
    assert "late" not in shown(registry)


@pytest.mark.parametrize(("series", "dropped"), [(199, 0), (200, 0), (201, 1)])
def test_bound_of_series_is_exact(registry, series, dropped):
    sent = metrics.counter("mails", labels=("kind",))
    for number in range(series):
        sent.inc(kind=number)
    assert registry.dropped == dropped


def test_metrics_that_are_all_as_large_as_may_be_fit_into_a_beat(registry):
    registry.max_series = 10_000
    for number in range(500):
        labels = tuple(f"{number:02}{place}".rjust(100, "l") for place in "abcdefgh")
        made = metrics.histogram(
            f"{number}".rjust(100, "x"), "h" * 999, labels=labels, buckets=tuple(range(64))
        )
        for value in range(5):
            made.observe(1e300, **dict.fromkeys(labels, f"{value}{'ä' * 999}"))
    assert registry.dropped
    assert len(pack(["beat", registry.totals()])) < channel.MAX_UNSENT / 4


def test_gauge_asks_a_function_and_survives_its_failure(registry, caplog):
    answers: list[Any] = [4]
    depth = metrics.gauge("depth")
    depth.set_function(lambda: answers[0])
    metrics.counter("jobs").inc()
    assert shown(registry)["depth"] == {(): 4}
    answers[:] = []
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            assert "depth" not in shown(registry)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert shown(registry)["jobs_total"] == {(): 1}
    answers[:] = [5]
    assert shown(registry)["depth"] == {(): 5}
    with pytest.raises(ValueError, match="has labels"):
        metrics.gauge("other", labels=("a",)).set_function(lambda: 1)


def test_gauge_whose_function_exits_is_no_end_of_the_process(registry, caplog):
    metrics.gauge("depth").set_function(sys.exit)
    metrics.counter("jobs").inc()
    assert set(shown(registry)) == {"jobs_total"}
    assert ["SystemExit" in record.getMessage() for record in caplog.records] == [True]
    metrics.gauge("stop").set_function(_interrupt)
    with pytest.raises(KeyboardInterrupt):
        shown(registry)


def _interrupt() -> float:
    raise KeyboardInterrupt


def test_threads_and_greenlets_count_exactly(registry):
    jobs = metrics.counter("jobs", labels=("kind",))
    took = metrics.histogram("took")

    def work() -> None:
        for _ in range(5000):
            jobs.inc(kind="x")
            took.observe(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    gevent.joinall([gevent.spawn(work) for _ in range(2)])
    for thread in threads:
        thread.join()
    assert shown(registry)["jobs_total"] == {("x",): 30_000}
    assert sum(shown(registry)["took"][()][:-1]) == 30_000


def test_declarations_are_checked_by_kind():
    registry = Registry()
    made = registry.declare(Gauge(registry, checked(name="a", kind="gauge", text="", labels=())))
    assert isinstance(made, Gauge)
    other = Counter(registry, checked(name="b", kind="counter", text="", labels=()))
    assert registry.declare(other) is other
    third = checked(name="c", kind="histogram", text="", labels=(), buckets=(1,))
    assert isinstance(registry.declare(Histogram(registry, third)), Histogram)
