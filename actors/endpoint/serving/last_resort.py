"""The kernel ends this process at a time, whatever it is doing then: by timers of timer_create(2).

What exists once must have ended before its lease has. A hub that hangs, or a process that was
stopped, cannot see to that by itself. SIGABRT comes first, by which a worker prints its stacks,
and SIGKILL after it, which ends a stopped process too.
"""

from __future__ import annotations

import ctypes
import math
import signal
from typing import Any, Final

ABORT_TO_KILL: Final = 0.4
"""Seconds from the one to the other."""

_CLOCK_BOOTTIME: Final = 7  # it goes on while the machine sleeps


class _Event(ctypes.Structure):
    """``struct sigevent``: by default the process gets the signal."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_byte * 48),
    )


class _Spec(ctypes.Structure):
    """``struct itimerspec``."""

    _fields_ = tuple(
        (name, ctypes.c_long) for name in ("every", "every_nsec", "seconds", "nanoseconds")
    )


class LastResort:
    """One process's timers. A fork has none of its own."""

    def __init__(self) -> None:
        self._timers: list[ctypes.c_void_p] = []
        self._libc: Any = ctypes.CDLL(None, use_errno=True)
        self._set = False

    def end_within(self, seconds: float) -> None:
        """Have the process killed in so many seconds, instead of what was said before.

        Infinity: not at all.
        """
        if seconds == math.inf:
            if self._set:
                self._set = False
                self._arm(0.0, 0.0)
            return
        self._set = True
        self._arm(max(0.001, seconds - ABORT_TO_KILL), max(0.001, seconds))

    def _arm(self, abort: float, kill: float) -> None:
        if not self._timers:
            self._timers = [self._create(number) for number in (signal.SIGABRT, signal.SIGKILL)]
        for timer, seconds in zip(self._timers, (abort, kill), strict=True):
            whole = int(seconds)
            spec = _Spec(0, 0, whole, int((seconds - whole) * 1e9))
            self._libc.timer_settime(timer, 0, ctypes.byref(spec), None)

    def _create(self, number: signal.Signals) -> Any:
        timer, event = ctypes.c_void_p(), _Event(signo=number)
        if self._libc.timer_create(_CLOCK_BOOTTIME, ctypes.byref(event), ctypes.byref(timer)):
            raise OSError(ctypes.get_errno(), "timer_create")
        return timer
