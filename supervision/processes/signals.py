"""Signals as bytes in a pipe: the loop reads them when it has time to act."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable


class SignalPipe:
    """Queues ``numbers`` (and wakes a selector on :meth:`fileno`) instead of interrupting."""

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._numbers = list(numbers)
        for number in self._numbers:
            signal.signal(number, _ignore)  # the wake-up descriptor does the work
            signal.siginterrupt(number, False)

    def fileno(self) -> int:
        """Answer the descriptor, for selectors."""
        return self._read

    def take(self) -> list[signal.Signals]:
        """Answer the signals that came since, in order."""
        try:
            data = os.read(self._read, 4096)
        except BlockingIOError:
            return []
        return [signal.Signals(number) for number in data]

    def ignore(self) -> None:
        """Ignore them: an interpreter that ends would otherwise die of the next one."""
        for number in self._numbers:
            signal.signal(number, signal.SIG_IGN)


def _ignore(number: int, frame: object) -> None:
    """Be a handler: without one the signal would do what it does by default."""
