"""What the one that exists once has noted: whether there were ever two, and when there was none.

Times are of CLOCK_MONOTONIC, which all processes of a machine share.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from supervision.drills.server import PATIENCE


@dataclass(slots=True)
class Tenure:
    """All acts under one number: by which process, the time of the first and of the last."""

    number: int
    pid: int
    begin: float
    end: float
    ended: bool = False


class Journal:
    """The file of :class:`~tests.drills.app_once.Acting` in ``directory``."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "journal"

    def read(self) -> tuple[list[Tenure], list[str]]:
        """Return the tenures in the order in which they began, and what shows that there were two.

        A line that is cut off, as its process was killed, is not read.
        """
        tenures: dict[tuple[int, int], Tenure] = {}
        wrong = []
        text = self._path.read_text(encoding="ascii") if self._path.exists() else ""
        for line in text.splitlines(keepends=True):
            if not line.endswith("\n"):
                continue
            what, number, pid, at = line.split()
            key = int(number), int(pid)
            found = tenures.setdefault(key, Tenure(*key, float(at), float(at)))
            found.end = float(at)
            found.ended |= what == "end"
            if what == "two":
                wrong.append(f"number {number}: the resource was held by another")
        return list(tenures.values()), wrong

    def wrong(self) -> list[str]:
        """Return everything that shows that there were two, or that numbers did not grow."""
        tenures, wrong = self.read()
        for before, after in pairwise(sorted(tenures, key=lambda each: each.begin)):
            if after.number <= before.number:
                wrong.append(f"number {after.number} came after {before.number}")
            if after.begin <= before.end:
                wrong.append(f"numbers {before.number} and {after.number} were there at once")
        return wrong

    def wait(self, beyond: int = 0) -> Tenure:
        """Wait for a number greater than ``beyond``; there is no event for that, so it looks."""
        until = time.monotonic() + PATIENCE
        while True:
            tenures, _ = self.read()
            if tenures and tenures[-1].number > beyond:
                return tenures[-1]
            if time.monotonic() > until:
                raise TimeoutError(f"nobody runs what exists once, after number {beyond}")
            time.sleep(0.005)
