"""What is shown before anything has happened; and the rules of the documents, on a real scrape."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from actors.events import CAUSES
from actors.metrics.catalogue import CATALOGUE, ENDS, PREFIX
from tests.support.command import ROOT
from tests.support.ops import OpsServer
from tests.support.raw import CLOSE, TEXT, Client, frame
from tests.support.waiting import eventually

APP = "tests.actors.endpoint.zeros_app:endpoint"

MOST = 120
"""Rows, without those of histograms, that three mounts and two workers show at first."""


@pytest.fixture(params=[0, 2], ids=["alone", "workers"])
def server(request: pytest.FixtureRequest) -> Iterator[OpsServer]:
    with OpsServer(app=APP, workers=request.param) as server:
        if request.param:
            server.wait_for("2 workers are ready")
        server.wait_until("/metrics", 200)
        # Each worker has said its first totals.
        slots = {str(slot) for slot in range(1, request.param + 1)} or {"1"}
        eventually(lambda: {at["worker"] for at in found(server, "roost_actors")} == slots)
        yield server


def found(server: OpsServer, name: str) -> list[dict[str, Any]]:
    """Return the samples of that name as their labels, with the ``value``."""
    shown = server.samples().items()
    return [{**dict(labels), "value": value} for (each, labels), value in shown if each == name]


def values(server: OpsServer, name: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Return the samples of that name by the values of ``labels``."""
    return {tuple(at[each] for each in labels): at["value"] for at in found(server, name)}


def ready(server: OpsServer) -> set[int]:
    """Return the processes of the workers; none while there is one that is not ready."""
    workers = server.view("/views/drain").json["workers"]
    return (
        {each["pid"] for each in workers} if {"ready"} == {e["state"] for e in workers} else set()
    )


def crash(server: OpsServer) -> None:
    """Have a socket crash."""
    with Client(server.address) as client:
        assert client.upgrade("/echo/websocket").status == 101
        client.send(frame(TEXT, "crash"))
        assert client.frame().opcode == CLOSE


def test_rows_whose_labels_are_known_are_zero_from_the_start(server):
    assert values(server, "roost_connections_refused_total", "cause") == {
        (cause,): 0 for cause in CAUSES
    }
    assert values(server, "roost_connections_closed_total", "code", "reason") == dict.fromkeys(
        ENDS, 0
    )
    mounts = {
        (f"{mount}/{transport}", transport): 0
        for mount in ("/echo", "/polled", "/chat")
        for transport in ("websocket", "longpoll")
        if (mount, transport) != ("/echo", "longpoll")
    }
    assert values(server, "roost_connections_opened_total", "mount", "transport") == mounts
    assert values(server, "roost_connections", "mount", "transport") == mounts
    crashes = values(server, "roost_crashes_total", "actor")
    assert crashes == {(name,): 0 for name in ("Echo", "Chat", "Room", "Child")}
    shown = server.samples()
    for name, metric in CATALOGUE.items():
        if metric.kind == "counter" and not metric.labels and metric.source == "worker":
            assert (PREFIX + name, frozenset()) in shown
    assert len([name for name, _ in shown if not name.endswith("_bucket")]) < MOST


def test_zeros_change_no_sum_also_not_of_workers_that_have_ended(server):
    crash(server)
    expected = {("Echo",): 1, ("Chat",): 0, ("Room",): 0, ("Child",): 0}
    eventually(lambda: values(server, "roost_crashes_total", "actor") == expected)
    if server.samples().get(("roost_workers_wanted", frozenset())) == 2:
        before = ready(server)
        server.signal(signal.SIGHUP)
        eventually(lambda: len(now := ready(server)) == 2 and now.isdisjoint(before))
        assert values(server, "roost_crashes_total", "actor") == expected
    crash(server)
    eventually(lambda: values(server, "roost_crashes_total", "actor")["Echo",] == 2)
    assert values(server, "roost_connections_closed_total", "code", "reason")["1011", "crash"] == 2


# -- the rules that the documents recommend

RULE = re.compile(r"roost_(?P<name>[a-z_]+)(?:\{(?P<labels>[^}]*)\})?")


def rules() -> list[tuple[str, re.Match[str]]]:
    """Return what documents and what is deployed ask of a metric, with the file's name."""
    places = [*ROOT.glob("docs/*.md"), *ROOT.glob("deploy/*.yaml")]
    texts = [(each.name, each.read_text("utf-8")) for each in places]
    return [
        (name, rule)
        for name, text in texts
        for rule in RULE.finditer(text)
        if rule["name"] != "context"  # an attribute of a record
    ]


def test_rules_of_the_documents_find_what_they_ask_for(server):
    names = {rule["name"] for _, rule in rules()}
    assert {"crashes_total", "connections_refused_total", "worker_restarts_total"} <= names
    shown = server.samples()
    has_master = any(name == "roost_workers" for name, _ in shown)
    for file, rule in rules():
        assert rule["name"] in CATALOGUE, (file, rule[0])
        metric = CATALOGUE[rule["name"]]
        rows = [dict(labels) for name, labels in shown if name == f"roost_{rule['name']}"]
        for each in filter(None, (rule["labels"] or "").split(",")):
            label, _, value = each.partition("=")
            assert label in metric.labels, (file, rule[0])
            assert not rows or not value or any(row[label] == value.strip('"') for row in rows)
        if metric.kind != "histogram" and (has_master or metric.source != "master"):
            assert rows, f"{file}: {rule[0]} finds nothing at first"
