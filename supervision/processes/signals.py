"""Signals as bytes in a pipe: the loop reads them when it has time to act."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from typing import Self


class SignalPipe:
    """Queues ``numbers`` (and wakes a selector on :meth:`fileno`) instead of interrupting.

    The pipe holds 65,536 signals. On leaving it as a context manager they are ignored: an
    interpreter that ends would otherwise die of the next one.
    """

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._numbers = list(numbers)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in self._numbers:
            signal.signal(number, _ignore)  # the wake-up descriptor does the work
            signal.siginterrupt(number, False)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._numbers)  # those that came before, too

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for number in self._numbers:
            signal.signal(number, signal.SIG_IGN)
        signal.set_wakeup_fd(-1)
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self._read

    def take(self) -> list[signal.Signals]:
        """Return the signals that came since, in order."""
        try:
            data = os.read(self._read, 4096)
        except BlockingIOError:
            return []
        return [signal.Signals(number) for number in data]


def _ignore(number: int, frame: object) -> None:
    """Be a handler: without one the signal would do what it does by default."""
