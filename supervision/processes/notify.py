"""What a service manager is told (sd_notify(3)); without one, nothing happens."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping


class Notifier:
    """Sends to ``NOTIFY_SOCKET``; ``due`` is when the watchdog wants its next sign of life."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        path = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        micros = environ.get("WATCHDOG_USEC", "") if ours else ""
        self._every = int(micros) / 2e6 if micros.isdecimal() and self._address else 0.0
        self.due: float | None = None

    def send(self, *assignments: str) -> None:
        """Send lines such as ``READY=1``; a manager that does not listen does not matter."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.setblocking(False)
                sock.sendto("\n".join(assignments).encode(), self._address)
        except OSError:
            pass

    def ready(self, now: float, status: str) -> None:
        """Say that clients are served, and begin to feed the watchdog, if there is one."""
        self.send("READY=1", f"STATUS={status}")
        if self._every and self.due is None:
            self.due = now

    def reloading(self, now: float) -> None:
        """Say that workers are being replaced; :meth:`ready` says when that is over.

        ``now`` is CLOCK_MONOTONIC in seconds, by which the manager tells this reload from others.
        """
        self.send("RELOADING=1", f"MONOTONIC_USEC={int(now * 1e6)}")

    def feed(self, now: float, *, alive: bool) -> None:
        """Give the watchdog its sign of life when it is due, at half of its time.

        Whoever is not ``alive`` gives none: that is what a watchdog is for.
        """
        if self.due is not None and self.due <= now:
            self.due = now + self._every
            if alive:
                self.send("WATCHDOG=1")
