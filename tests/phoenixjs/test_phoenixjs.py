"""Stock phoenix.js, four versions, over each transport: see matrix.json for what is tried."""

from __future__ import annotations

import json
import sys

import pytest

from tests.phoenixjs.matrix import TABLE, printed, wanted
from tests.phoenixjs.server import HERE, Server, script
from tests.support.command import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def results(pytestconfig):
    """The error of each cell, ``None`` where it has none; the matrix is shown, and in reports/."""
    errors = {}
    try:
        with Server() as server:
            for said in script(server, "node", "run.js"):
                errors[tuple(said["cell"])] = said["error"]
    finally:
        table = printed(errors)
        with pytestconfig.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
            sys.stdout.write(f"\n\n{table}\n")
        reports = ROOT / "reports"
        reports.mkdir(exist_ok=True)
        (reports / "phoenixjs.txt").write_text(table, encoding="utf-8")
    return errors


@pytest.mark.parametrize("case", TABLE["cases"])
def test_clients_of_each_version_over_each_transport(results, case):
    cells = [cell for cell in wanted() if cell[2] == case]
    bad = {cell[:2]: results.get(cell, "missing") for cell in cells if results.get(cell, "missing")}
    assert not bad, "\n".join(f"{' '.join(cell)}: {error}" for cell, error in bad.items())


def test_no_cell_is_missing_and_none_too_many(results):
    assert set(results) == set(wanted())


def test_a_cell_that_was_not_run_or_failed_is_seen_in_the_matrix():
    cells = dict.fromkeys(wanted())
    assert {"FAILED", "MISSING"}.isdisjoint(printed(cells).split())
    del cells["1.8.16", "longpoll", "leave"]
    cells["1.7.19", "websocket", "leave"] = "an error"
    rows = [line.split() for line in printed(cells).splitlines() if line.startswith("leave")]
    assert rows[0] == ["leave", "FAILED", "ok", "ok", "ok"]
    assert rows[1] == ["leave", "ok", "ok", "ok", "MISSING"]


def test_the_lock_file_pins_all_and_names_no_registry():
    text = (HERE / "package-lock.json").read_text(encoding="utf-8")
    packages = {name: of for name, of in json.loads(text)["packages"].items() if name}
    assert all({"version", "integrity"} <= of.keys() for of in packages.values())
    assert {f"node_modules/phoenix-{version}" for version in TABLE["versions"]} <= packages.keys()
    assert '"resolved"' not in text
    assert "://" not in text
