"""How a process without a master ends: the signals that ask for it, and the time that it has.

The first SIGINT or SIGTERM begins an orderly end and starts the clock: when the budget is over the
process ends, whatever hangs. A second Ctrl-C is the kernel's: it ends the process at once.

With a lame duck SIGTERM begins that first; the next signal, or the end of its time, begins the end.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Final

from gevent import get_hub, monkey

from actors.endpoint.command.wakeup import wake_on_signals
from actors.schedule import LOG_FLUSH
from supervision.processes.worker import held_up_by
from supervision.processes.writer import standard_error

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
FOREVER: Final = 1e9
"""Seconds, 31 years: what the kernel's clocks take, for a budget that they do not."""
OVERDUE: Final = b"roost: the time for an orderly end is over\n"

# The clock runs on a real thread: it must tick when the loop does not.
start_new_thread: Any = monkey.get_original("_thread", "start_new_thread")
sleep: Any = monkey.get_original("time", "sleep")


class ShutdownSignals:
    """Calls ``on_signal(name)`` on the loop, where it must not block.

    ``budget``: seconds from the signal that begins the end to the exit. ``on_lame_duck()`` is
    called likewise, when the lame duck begins that :meth:`allow_lame_duck` has allowed.
    """

    def __init__(
        self,
        budget: float,
        on_signal: Callable[[str], object],
        on_lame_duck: Callable[[], object] = lambda: None,
    ) -> None:
        self._budget = budget
        self._on_signal = on_signal
        self._on_lame_duck = on_lame_duck
        self._lame_duck = 0.0
        self._waiting = False
        self._status = 1
        self._words = OVERDUE
        self._name = ""
        self._last = standard_error()  # made now: at the end there may be no room for a thread
        # What a handler of Python's may do, wherever it interrupts: send.
        self._wake: Any = get_hub().loop.async_()
        self._wake.start(self._woken)
        self._timer: Any = None
        wake_on_signals()
        for number in SIGNALS:
            signal.signal(number, self._handle)

    def allow_lame_duck(self, seconds: float) -> None:
        """Let a SIGTERM begin with so many seconds of it; before, and for 0, the end is at once."""
        self._lame_duck = seconds

    def _handle(self, number: int, _frame: object) -> None:
        if not self._name:
            if number == signal.SIGTERM and self._lame_duck and not self._waiting:
                self._waiting = True
                start_new_thread(self._end, (self._lame_duck + self._budget,))
                self._wake.send()
                return
            self._name = signal.Signals(number).name
            start_new_thread(self._end, (self._budget,))
        # Not even a loop that runs for ever, or a call into C, holds up the second one.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        self._wake.send()

    def _woken(self) -> None:
        if self._name:
            self._on_signal(self._name)
            return
        self._on_lame_duck()
        timer: Any = get_hub().loop.timer(self._lame_duck)
        timer.start(self._lame_duck_over)
        self._timer = timer

    def _lame_duck_over(self) -> None:
        if not self._name:
            self._name = "SIGTERM"
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            self._on_signal(self._name)

    def done(self) -> None:
        """Say that every connection has ended: what may still run is the application's threads."""
        self._words = held_up_by(threading.enumerate(), "process")
        self._status = 0

    def leave(self) -> None:
        """Ignore a further SIGTERM: an interpreter that ends would otherwise die of it.

        Where none has begun the end, no clock runs: then the first still ends the process.
        """
        if self._name:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def _end(self, seconds: float) -> None:
        sleep(min(seconds, FOREVER))
        self._last.put(self._words)
        self._last.flush(LOG_FLUSH)  # which the log shares, as a rule
        os._exit(self._status)
