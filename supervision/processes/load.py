"""How many clients each worker has, in memory that the workers of one master share.

All workers accept from the same listening socket, and whoever is quickest gets the client. One that
served while the others still booted keeps what came to it. So one that has clearly more clients
than the others on average lets them go first, see :class:`transports.listener.Load`.

There is a cell for each slot, whose worker alone writes it; while a worker is replaced there are
two for a moment, and the next client sets it right. The first cell has the highest slot yet.
"""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import Final, Self

from supervision.processes import MAX_WORKERS

LOAD: Final = "load"
"""The file's name in the master's private directory."""

NOBODY: Final = -1
"""In the cell of a slot whose worker does not accept."""

UNEVEN: Final = 1.3
"""A worker with more than so many times the clients of the average lets others go first."""

_SIZE: Final = 8 * (MAX_WORKERS + 1)


class Load:
    """The clients of the worker in ``slot``, which counts from 1, among those of all workers."""

    def __init__(self, path: Path, slot: int) -> None:
        with path.open("r+b") as file:
            self._cells = memoryview(mmap.mmap(file.fileno(), _SIZE)).cast("q")
        self._cell: int | None = slot
        self._count = 0

    @staticmethod
    def create(path: Path) -> None:
        """Make the file, with nobody in it. Its directory must be private."""
        path.write_bytes(struct.pack("q", 0) + struct.pack("q", NOBODY) * MAX_WORKERS)

    @classmethod
    def clear(cls, path: Path, slot: int) -> None:
        """Say that nobody is in ``slot``: its worker may have had no time to."""
        cls(path, slot).leave()

    def enter(self) -> Self:
        """Take part from now on."""
        self._change(0)
        self._cells[0] = max(self._cells[0], self._cell or 0)
        return self

    def opened(self) -> None:
        """Count a client."""
        self._change(1)

    def closed(self) -> None:
        """Count one less."""
        self._change(-1)

    def leave(self) -> None:
        """Take part no longer: what is still open does not count."""
        if self._cell is not None:
            self._cells[self._cell] = NOBODY
            self._cell = None

    def _change(self, by: int) -> None:
        self._count += by
        if self._cell is not None:
            self._cells[self._cell] = self._count

    def crowded(self) -> bool:
        """Whether the other workers should get the next client."""
        count = self._count
        if not count:
            return False
        cells = self._cells
        every = [each for each in cells[1 : cells[0] + 1] if each != NOBODY]
        return count * len(every) > UNEVEN * sum(every)
