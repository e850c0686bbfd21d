"""What a process uses."""

from __future__ import annotations

import os
from pathlib import Path

from supervision.processes import usage


def test_used_says_memory_time_and_descriptors():
    found = usage.used()
    assert found["rss"] > 2**20
    assert found["cpu"] > 0
    assert found["fds"] >= len(list(Path("/proc/self/fd").iterdir())) - 1


def test_descriptors_are_counted_in_steps_where_linux_does_not_say_how_many(tmp_path, monkeypatch):
    monkeypatch.setattr(usage, "DESCRIPTORS", str(tmp_path))
    for number in range(2 * usage.STEP + 1):
        Path(tmp_path, str(number)).touch()
    monkeypatch.setattr(Path, "stat", lambda _: os.stat_result([0] * 10))
    assert list(usage.descriptors()) == [None, None, 2 * usage.STEP]


def test_without_proc_nothing_is_known(monkeypatch):
    monkeypatch.setattr(usage, "DESCRIPTORS", "/nonexistent")
    monkeypatch.setattr(usage, "STATM", "/nonexistent")
    assert list(usage.descriptors()) == [None]
    assert usage.memory() is None
