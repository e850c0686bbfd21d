"""What this process uses, as Linux says it: cheap enough for once a second."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

STATM: Final = "/proc/self/statm"
DESCRIPTORS: Final = "/proc/self/fd"

STEP: Final = 256
"""Descriptors that are counted at a time."""

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def memory() -> int | None:
    """Return the resident bytes; ``None`` where there is no ``/proc``."""
    try:
        return int(Path(STATM).read_bytes().split()[1]) * _PAGE
    except OSError:
        return None


def cpu() -> float:
    """Return the seconds of CPU, of this process and of the kernel for it."""
    return time.process_time()


def descriptors() -> Iterator[int | None]:
    """Yield ``None`` after each step, and at last how many are open.

    Linux says it at once from 6.2 on; before, they are counted. Nothing is yielded but ``None``
    where there is no ``/proc``, or no descriptor left to look there.
    """
    try:
        size = Path(DESCRIPTORS).stat().st_size
        if size:
            yield size
            return
        count = -1  # the one that reads the directory
        with os.scandir(DESCRIPTORS) as entries:
            for count, _ in enumerate(entries):
                if count % STEP == STEP - 1:
                    yield None
        yield count
    except OSError:
        yield None


def used() -> dict[str, Any]:
    """Return all of it at once, for a process with few descriptors: ``rss``, ``cpu``, ``fds``."""
    *_, fds = descriptors()
    return {"rss": memory(), "cpu": cpu(), "fds": fds}
