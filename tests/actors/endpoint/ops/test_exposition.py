"""A snapshot as Prometheus reads it."""

from __future__ import annotations

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from actors.endpoint.ops.answers import connections
from actors.endpoint.ops.exposition import OPENMETRICS, TEXT, prefers_openmetrics, rendered
from actors.metrics.catalogue import CATALOGUE, LAGS
from supervision.processes.snapshot import snapshot, worker

OWN = {"rss": 4096, "cpu": 0.5, "fds": 9}
LAG = [1] * (len(LAGS) + 1)


def declared(kind, *labels, buckets=()):
    return {
        "kind": kind, "help": f"A {kind}.", "labels": list(labels), "merge": "sum",
        "buckets": list(buckets),
    }  # fmt: skip


def shot(series=None, declared=None):
    totals = {"series": series or {}, "declared": declared or {}}
    rows = [
        worker(slot=n, name=f"w-{n}", pid=n, state="ready", age=1.0, beat_age=0.25, totals=totals)
        for n in (1, 2)
    ]
    return snapshot(
        at=0.0, state="serving", ready=2, wanted=2, served=True, reloading=False,
        reload=None, workers=rows,
        retired={}, restarts=3, missed=1, master={"pid": 1, "rss": 2, "cpu": 3.0, "fds": 4},
    )  # fmt: skip


def read(text, parse):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse(text)
        for sample in family.samples
    }


@pytest.mark.parametrize(
    ("accept", "kind", "parse"),
    [("", TEXT, prometheus), ("application/openmetrics-text", OPENMETRICS, openmetrics)],
)
def test_both_forms_say_the_same(accept, kind, parse):
    series = {
        "messages_total": [[["in"], 5]],
        "connections": [[["/a", "websocket", "1"], 4]],
        "hub_lag_seconds": [[[], [*LAG, 2.5]]],
    }
    page, found = rendered(shot(series), 0.125, OWN, accept)
    assert found == kind
    known = read(page.decode(), parse)
    assert known["roost_messages_total", (("direction", "in"),)] == 10
    assert known["roost_hub_lag_seconds_bucket", (("le", "0.001"),)] == 2
    assert known["roost_hub_lag_seconds_bucket", (("le", "+Inf"),)] == 2 * len(LAG)
    assert known["roost_hub_lag_seconds_count", ()] == 2 * len(LAG)
    assert known["roost_hub_lag_seconds_sum", ()] == 5
    assert known["roost_workers", (("state", "ready"),)] == 2
    assert known["roost_worker_restarts_total", ()] == 3
    assert known["roost_worker_beats_missed_total", ()] == 1
    assert known["roost_master_resident_memory_bytes", ()] == 2
    assert known["roost_ops_resident_memory_bytes", ()] == 4096
    assert known["roost_ops_cpu_seconds_total", ()] == 0.5
    assert known["roost_snapshot_age_seconds", ()] == 0.125


def test_each_metric_of_the_catalogue_can_be_shown():
    series = {}
    for name, metric in CATALOGUE.items():
        labels = ["x"] * len(metric.labels)
        value = [1] * (len(metric.buckets) + 1) + [1.5] if metric.buckets else 1
        series[name] = [[labels, value]]
    page, _ = rendered(shot(series), 0.0, OWN, "application/openmetrics-text")
    families = {family.name for family in openmetrics(page.decode())}
    wanted = {f"roost_{name}".removesuffix("_total") for name in CATALOGUE}
    assert wanted == families


def test_an_application_s_metrics_keep_their_names():
    series = {"mails": [[['a"b\n\\'], 2]], "depth": [[[], 1]], "wait": [[[], [1, 2, 3, 9.5]]]}
    known = {
        "mails": declared("counter", "kind"),
        "depth": declared("gauge"),
        "wait": declared("histogram", buckets=(0.1, 1.0)),
    }
    page, _ = rendered(shot(series, known), 0.0, OWN, "")
    found = read(page.decode(), prometheus)
    assert found["mails_total", (("kind", 'a"b\n\\'),)] == 4
    assert found["depth", ()] == 2
    assert found["wait_bucket", (("le", "1.0"),)] == 6
    assert found["wait_count", ()] == 12
    assert found["wait_sum", ()] == 19


@pytest.mark.parametrize("name", ["roost_workers", "roost_messages", "wait_count", "wait_created"])
def test_one_that_clashes_is_left_out_and_named_once(name, caplog):
    series = {"wait": [[[], [1, 2, 3.0]]], name: [[[], 77]]}
    kind = "counter" if name == "roost_messages" else "gauge"
    known = {"wait": declared("histogram", buckets=(1.0,)), name: declared(kind)}
    messages = {"messages_total": [[["in"], 1]]}
    for _ in range(2):
        page, _ = rendered(shot({**series, **messages}, known), 0.0, OWN, "")
        assert b" 154" not in page
        read(page.decode(), prometheus)
    said = f"metric {name!r} is not shown: another has that name"
    assert [each.getMessage() for each in caplog.records] == [said]


@pytest.mark.parametrize(("accept", "parse"), [("", prometheus), (OPENMETRICS, openmetrics)])
def test_names_that_only_look_like_those_of_another_s_samples_are_shown(accept, parse, caplog):
    names = ["jobs", "jobs_count", "jobs_total", "jobs_info", "mails_bucket", "wait_total"]
    series = {name: [[[], 1]] for name in [*names, "mails_total"]} | {"wait": [[[], [1, 2, 3.0]]]}
    known = {name: declared("gauge") for name in names}
    known |= {"mails_total": declared("counter"), "wait": declared("histogram", buckets=(1.0,))}
    page, _ = rendered(shot(series, known), 0.0, OWN, accept)
    found = read(page.decode(), parse)
    assert {found[name, ()] for name in [*names, "mails_total"]} == {2}
    assert found["wait_count", ()] == 6
    assert not caplog.records


@pytest.mark.parametrize(("bound", "total"), [(-1.0, 4.0), (1.0, -4.0)])
@pytest.mark.parametrize(("accept", "parse"), [("", prometheus), (OPENMETRICS, openmetrics)])
def test_a_histogram_with_negative_numbers_has_buckets_alone(accept, parse, bound, total):
    series = {"drift": [[[], [1, 2, total]]], "good": [[[], 1]]}
    known = {"drift": declared("histogram", buckets=(bound,)), "good": declared("gauge")}
    page, _ = rendered(shot(series, known), 0.0, OWN, accept)
    found = read(page.decode(), parse)
    assert found["drift_bucket", (("le", "+Inf"),)] == 6
    assert found["good", ()] == 2
    assert not {name for name, _ in found} & {"drift_sum", "drift_count"}


def test_one_that_is_no_name_costs_no_other():
    series = {"a b": [[[], 1]], "good": [[[], 1]]}
    known = {"a b": declared("gauge"), "good": declared("gauge")}
    page, _ = rendered(shot(series, known), 0.0, OWN, "application/openmetrics-text")
    assert read(page.decode(), openmetrics)["good", ()] == 2


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("application/openmetrics-text", True),
        ("Application/OpenMetrics-Text; version=1.0.0", True),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.2,*/*;q=0.1", True),
        ("application/openmetrics-text;q=0.2,text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0.2,*/*;q=0.5", False),
        ("application/openmetrics-text;q=0.2,text/*;q=0.5,*/*;q=0.1", False),
        ("application/openmetrics-text;q=0.5,text/plain;q=0.2,*/*", True),
        ("application/openmetrics-text,*/*", True),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=nan", False),
        ("application/openmetrics-text;q=7", False),
        ("application/openmetrics-text;q=", False),
        (";;;,,=;q", False),
    ],
)
def test_openmetrics_is_sent_where_it_is_wanted_as_much(accept, wanted):
    assert prefers_openmetrics(accept) is wanted


def test_connections_are_those_of_live_workers():
    assert connections(shot({"connections": [[["/a", "websocket", "1"], 4]]})) == 8
    assert connections(shot()) is None
    assert connections({}) is None
