"""What the service manager and the log are told of the service as a whole."""

from __future__ import annotations

import logging

from supervision.processes.notify import Notifier
from supervision.processes.slots import Slots
from supervision.processes.spawn import counted

logger = logging.getLogger("roost.master")


class Announcer:
    """Tells of readiness, reloads and the stop, each when it has become so."""

    def __init__(self, notifier: Notifier, slots: Slots) -> None:
        self.notifier = notifier
        self._slots = slots
        self._complete = False
        self._reloading = False

    def announce(self, now: float) -> bool:
        """Tell what is news; return whether every worker has just become ready for the first time.

        Not to be asked once a stop has begun.
        """
        first = self._slots.complete and not self._complete
        if first:
            self._complete = True
            self._ready(now)
            logger.info("%s ready", counted(self._slots.wanted))
        # What replaces the first worker before the others follow is part of the start.
        if self._complete and self._slots.reloading != self._reloading:
            self._reloading = self._slots.reloading
            if self._reloading:
                self.notifier.reloading(now)
            else:
                self._ready(now)
        return first

    def _ready(self, now: float) -> None:
        self.notifier.ready(now, f"serving with {self._slots.wanted} workers")

    def stopping(self, seconds: float, successor: int | None, *, alone: bool) -> None:
        """Tell that we stop within ``seconds``, unless another master serves on.

        That is ``successor``, a process id, or else our predecessor where we are not ``alone``.
        """
        if successor is not None:
            self.notifier.send(f"MAINPID={successor}")
        elif alone:
            self.notifier.send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(seconds * 1e6)}")
