"""How many clients each worker has, in memory that the workers of one master share.

All workers accept from the same listening socket, and whoever is quickest gets the client. One that
served while the others still booted keeps what came to it. So one that has clearly more clients
than the others on average lets them go first, see :class:`transports.tcp.listener.Listener`.

There is a cell for each slot, whose worker alone writes it. One whose successor in the slot has
written there writes no more. The first cell has the highest slot yet.

One that is to go stands back: it takes clients only where the others do not, and says so in its
cell, where others see it, but not among those whose average counts.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Final, Self

from supervision.processes.bounds import MAX_WORKERS

LOAD: Final = "load"
"""The file's name in the master's private directory."""

NOBODY: Final = -1
"""In the cell of a slot whose worker does not accept."""

BACK: Final = -2
"""In the cell of one without clients that stands back; one less for each client."""

UNEVEN: Final = 1.3
"""A worker with more than so many times the clients of the average lets others go first."""

_SIZE: Final = 8 * (MAX_WORKERS + 1)


class LoadShare:
    """The clients of the worker in ``slot``, which counts from 1, among those of all workers."""

    def __init__(self, path: Path, slot: int) -> None:
        with path.open("r+b") as file:
            self._cells = memoryview(mmap.mmap(file.fileno(), _SIZE)).cast("q")
        self._cell: int | None = slot
        self._count = 0
        self._back = self._entered = False
        self._written = self._cells[slot]

    @staticmethod
    def create(path: Path) -> None:
        """Make the file, with nobody in it. Its directory must be private."""
        path.write_bytes(struct.pack("q", 0) + struct.pack("q", NOBODY) * MAX_WORKERS)

    @classmethod
    def clear(cls, path: Path, slot: int) -> None:
        """Say that nobody is in ``slot``: its worker may have had no time to."""
        cls(path, slot).withdraw()

    def enter(self) -> Self:
        """Take part from now on."""
        if self._cell is not None and not self._entered:
            self._entered = True
            self._written = self._cells[self._cell]  # a predecessor's is ours from now on
            self._cells[0] = max(self._cells[0], self._cell)
            self._change(0)
        return self

    def stand_back(self, back: bool) -> None:  # noqa: FBT001 - its own word
        """Say that clients are left to others, or are so no longer."""
        self._back = back
        self._change(0)

    def opened(self) -> None:
        """Count a client."""
        self._change(1)

    def closed(self) -> None:
        """Count one less."""
        self._change(-1)

    def withdraw(self) -> None:
        """Take part no longer: what is still open does not count."""
        self._write(NOBODY)
        self._cell = None

    def _change(self, by: int) -> None:
        self._count += by
        self._write(BACK - self._count if self._back else self._count)

    def _write(self, value: int) -> None:
        cell = self._cell
        if cell is None:
            return
        if self._cells[cell] == self._written:
            self._cells[cell] = self._written = value
        else:
            self._cell = None  # the successor's

    def accepting_elsewhere(self) -> tuple[int, ...]:
        """Return how many clients each of the other workers has that accept."""
        return tuple(count for count in self._others() if count >= 0)

    def elsewhere(self) -> tuple[int, ...]:
        """Return the same of all others: those too that stand back."""
        every = (count if count >= 0 else BACK - count for count in self._others())
        return tuple(every)

    def _others(self) -> list[int]:
        cells = self._cells
        places = range(1, cells[0] + 1)
        return [cells[p] for p in places if p != self._cell and cells[p] != NOBODY]

    def crowded(self) -> bool:
        """Whether the other workers should get the next client."""
        count = self._count
        if not count:
            return False
        cells = self._cells
        every = [each for each in cells[1 : cells[0] + 1] if each >= 0]
        return count * len(every) > UNEVEN * sum(every)
