"""Carriers held back for the end of a server, so that no handler can keep it from ending.

When every ordinary carrier is blocked in user code, two kinds of turns still run, each on carriers
of its own (docs/adr/0013): those of *keepers* (``Actor.ends_others``), which only wait, with a
deadline, for what they have told to end; and *ends*, in which an exit signal is served, by code of
the application's that may block.

A signalled actor that was queued already is queued here beside; whichever comes first is its turn.
These turns come before all others at any time, on whatever carrier there is.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

from greenlet import getcurrent

from actors.runtime.carrier import Carrier, Runnable

FOR_KEEPERS = 50
"""Turns of keepers, beyond all ordinary carriers."""

FOR_ENDS = 50
"""The same, of turns in which an actor serves an exit signal."""


class Reserve:
    """``size`` carriers for one kind of turns, of which ``taken`` are used; and those turns.

    ``wake`` sees to it that turns which wait are run, if they may be.
    """

    __slots__ = ("_wake", "size", "taken", "waiting")

    def __init__(self, size: int, wake: Callable[[], object]) -> None:
        self.size = size
        self.taken = 0
        self.waiting: deque[Runnable] = deque()
        self._wake = wake

    def schedule(self, runnable: Runnable) -> None:
        """Queue ``runnable`` ahead of what is ready, for any carrier or one of these."""
        self.waiting.append(runnable)
        self._wake()

    def may_run(self) -> bool:
        """Whether a turn waits, and a carrier of this reserve is left for it."""
        return bool(self.waiting) and self.taken < self.size

    def run(self, hub: Any, resumed: Callable[[], object], slice_over: Callable[[], bool]) -> None:
        """Run turns on carriers of this reserve; on the loop, when there are no others."""
        while self.may_run() and not slice_over():
            self.taken += 1
            Carrier(partial(self._carry, hub, slice_over), hub, resumed).enter()

    def _carry(self, hub: Any, slice_over: Callable[[], bool]) -> None:
        me: Any = getcurrent()
        try:
            self.work(me, slice_over)
        except BaseException:  # noqa: BLE001 - gevent knows what is due to Ctrl-C
            me.runnable = None
            hub.handle_error(me, *sys.exc_info())
        self.taken -= 1
        self._wake()

    def work(self, me: Carrier, slice_over: Callable[[], bool]) -> bool:
        """Run turns on ``me``; return whether it is to do no more, parked or out of time."""
        waiting = self.waiting
        while waiting:
            me.runnable = runnable = waiting.popleft()
            runnable.on_turn(me)
            me.runnable = None
            me.gr_context = None
            if me.was_parked or slice_over():
                return True
        return False
