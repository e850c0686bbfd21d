"""How the service is, as the master sees it: made each second, read by whoever shows it.

A snapshot is plain values::

    {
        "at": 1790000000.0,            # seconds since 1970
        "state": "serving",            # or "booting", "stopping"
        "ready": 2, "wanted": 2,       # workers
        "served": True,                # a worker has been ready once
        "reloading": False,
        "reload": {                    # the last one
            "number": 3,               # of those so far
            "outcome": "done",         # or "going on", "off"; None: there was none
            "why": None,               # it is off, in words
            "refused": None,           # why the settings are as before, in words
            "restart": ["bind"],       # settings that have changed and need a restart
        },
        "workers": [
            {"slot", "name", "pid", "state", "age", "beat_age", "rss", "cpu", "fds", "totals"}
        ],
        "retired": totals,             # of workers that have ended, see totals.py
        "restarts": 0, "missed": 0,
        "master": {"pid", "rss", "cpu", "fds"},
    }

``age``, ``beat_age`` and ``cpu`` are in seconds, ``rss`` in bytes. What is not known is ``None``:
of a worker that has not said its totals yet, or of another release; ``reload`` without a master.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from actors.metrics.catalogue import STATES
from supervision.processes.totals import merge

State = Literal["booting", "serving", "stopping"]

_MEASURES: Final = {
    "rss": "process_resident_memory_bytes",
    "cpu": "process_cpu_seconds_total",
    "fds": "process_open_fds",
}


def worker(
    *,
    slot: int,
    name: str,
    pid: int,
    state: str,
    age: float,
    beat_age: float | None,
    totals: dict[str, Any] | None,
) -> dict[str, Any]:
    """Return a worker's row; what its process uses is in its ``totals``, which were checked."""
    series = {} if totals is None else totals["series"]
    used = {
        short: series[metric][0][1] if series.get(metric) else None
        for short, metric in _MEASURES.items()
    }
    return {
        "slot": slot, "name": name, "pid": pid, "state": state, "age": age, "beat_age": beat_age,
        **used, "totals": totals,
    }  # fmt: skip


def snapshot(  # noqa: PLR0913 - the parts of a snapshot, by name
    *,
    at: float,
    state: State,
    ready: int,
    wanted: int,
    served: bool,
    reloading: bool,
    reload: dict[str, Any] | None,
    workers: Iterable[dict[str, Any]],
    retired: dict[str, Any],
    restarts: int,
    missed: int,
    master: dict[str, Any],
) -> dict[str, Any]:
    """Return the whole, see above."""
    return {
        "at": at, "state": state, "ready": ready, "wanted": wanted, "served": served,
        "reloading": reloading, "reload": reload, "workers": list(workers), "retired": retired,
        "restarts": restarts, "missed": missed, "master": master,
    }  # fmt: skip


def totals_of(shot: Mapping[str, Any], *, age: float) -> dict[str, Any]:
    """Return the totals of a whole snapshot: of all workers, and what the master has itself.

    ``age``: seconds since it was made. The form is that of :mod:`supervision.processes.totals`,
    with all metrics of the catalogue that have a value, but for those of the ops process.
    """
    workers = shot["workers"]
    whole = merge(shot["retired"], (each["totals"] for each in workers if each["totals"]))
    master = shot["master"]
    own: dict[str, list[Any]] = {
        "workers": [[[state], sum(each["state"] == state for each in workers)] for state in STATES],
        "workers_wanted": [[[], shot["wanted"]]],
        "worker_restarts_total": [[[], shot["restarts"]]],
        "worker_beats_missed_total": [[[], shot["missed"]]],
        "worker_beat_age_seconds": _beat_ages(workers),
        "snapshot_age_seconds": [[[], age]],
    }
    for name, value in (
        ("master_resident_memory_bytes", master.get("rss")),
        ("master_cpu_seconds_total", master.get("cpu")),
        ("master_open_fds", master.get("fds")),
    ):
        if value is not None:
            own[name] = [[[], value]]
    whole["series"] |= own
    return whole


def _beat_ages(workers: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Return the age of each slot's beat; of two workers in one slot, the older beat."""
    ages: dict[str, float] = {}
    for each in workers:
        if each["beat_age"] is not None:
            slot = str(each["slot"])
            ages[slot] = max(each["beat_age"], ages.get(slot, 0.0))
    return [[[slot], age] for slot, age in ages.items()]
