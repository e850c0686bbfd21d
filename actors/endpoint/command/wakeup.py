"""Signals that gevent's loop must not sleep through.

Python runs a handler between two bytecodes, and a signal interrupts a poll that is under way. One
that comes just before the poll does neither: it would be seen when something else wakes the loop,
on a quiet server a minute later. So each signal writes into a pipe that the loop watches.
"""

from __future__ import annotations

import os
import signal
from functools import cache
from typing import Any

from gevent import get_hub


@cache
def wake_on_signals() -> None:
    """Have each signal that has a handler wake this thread's loop; on the main thread.

    The handlers run as ever, also while a callback spins and the loop does not turn. A second call
    does nothing.
    """
    reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    watcher: Any = get_hub().loop.io(reading, 1, ref=False)

    def drain() -> None:
        try:
            os.read(reading, 512)
        except BlockingIOError:
            pass

    watcher.start(drain)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
