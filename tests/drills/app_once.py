"""What exists once in the drills' application: it notes in a file whenever it acts."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path
from typing import Any

from actors import Actor, Reason, once, once_number
from actors.once_child import Once
from supervision import ChildSpec

EVERY = 0.01
"""Seconds between two acts."""


class Acting(Actor):
    """Holds a resource that only one may hold, and notes each act: what, number, process, time."""

    def __init__(self, directory: str) -> None:
        super().__init__()
        self._directory = Path(directory)
        self._number = 0
        self._fds: list[int] = []

    def on_start(self) -> None:
        """Begin."""
        self._number = once_number()
        path = self._directory / "journal"
        self._fds = [
            os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600),
            os.open(self._directory / "resource", os.O_RDWR | os.O_CREAT, 0o600),
        ]
        try:
            fcntl.flock(self._fds[1], fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._note("two")
        self._note("begin")
        self.send_after(EVERY, "act")

    def on_receive(self, message: Any) -> None:
        self._note(message)
        self.send_after(EVERY, "act")

    def terminate(self, reason: Reason) -> None:
        """End."""
        self._note("end")
        for fd in self._fds:
            os.close(fd)
        super().terminate(reason)

    def _note(self, what: str) -> None:
        line = f"{what} {self._number} {os.getpid()} {time.monotonic():.6f}\n"
        os.write(self._fds[0], line.encode())


def acting(directory: str) -> Once:
    """Return one that notes its acts there; it fits into a drill's grace."""
    spec = ChildSpec(id="acting", start=Acting.start, args=(directory,), shutdown=2.0)
    return once(spec)
