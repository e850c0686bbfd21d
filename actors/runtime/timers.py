"""Deadlines: one heap, one loop timer, re-armed lazily.

A callback runs on the loop and must not block. It answers ``None`` when it is done, or the next
time (same clock) at which it wants to run: so an idle timeout is one entry per connection that
looks at the time of the last read when it fires, and a read costs one store and no timer work.
"""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Callable
from typing import Final

from actors.crash_log import CrashLog

Callback = Callable[[], float | None]

CRASHES: Final = CrashLog(logging.getLogger("roost.runtime"))

COMPACT_ABOVE = 64
"""Below this many cancelled entries the heap is never rebuilt."""

SWEEP = 512
"""Entries that are looked at in one step while it is: all at once, 40,000 took 11 ms."""

Heap = list[tuple[float, int, "Timer"]]


class Timer:
    """The handle of one entry, due at ``when``.

    ``callback`` is ``None`` once it ran out or was cancelled.
    """

    __slots__ = ("callback", "timers", "when")

    when: float

    def __init__(self, timers: Timers, callback: Callback) -> None:
        self.timers = timers
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Never run (again). Cancelling twice, or after the run, does nothing."""
        if self.callback is not None:
            self.callback = None
            self.timers.cancelled(self)


class Timers:
    """Entries by time. ``clock`` is monotonic seconds; ``arm(when)`` asks for a :meth:`run`.

    ``armed`` is the time that was asked for, until it has come.
    """

    def __init__(self, clock: Callable[[], float], arm: Callable[[float], None]) -> None:
        self.now = clock
        self._arm = arm
        self._heap: Heap = []
        self._old: Heap = []  # while the heap is rebuilt: what is not looked at yet
        self._order = itertools.count()
        self._dead = 0
        self._running: Timer | None = None
        self.armed = float("inf")

    def __len__(self) -> int:
        return len(self._heap) + len(self._old) - self._dead

    def call_later(self, delay: float, callback: Callback) -> Timer:
        """Run ``callback`` in ``delay`` seconds."""
        return self.call_at(self.now() + delay, callback)

    def call_at(self, when: float, callback: Callback) -> Timer:
        """Run ``callback`` at ``when``; entries of one time run in the order they were made."""
        timer = Timer(self, callback)
        self._push(when, timer)
        return timer

    def take_over(self, timer: Timer | None, when: float, callback: Callback) -> Timer:
        """Run ``callback`` at ``when`` or before, by a ``timer`` that its owner lets go of.

        It may be early, where the timer was due before: then it should look, and answer ``when``.
        That saves an entry. A timer that is of no use is cancelled.
        """
        if timer is not None:
            if timer.when <= when and timer.callback is not None and timer is not self._running:
                timer.callback = callback
                return timer
            timer.cancel()
        return self.call_at(when, callback)

    def _push(self, when: float, timer: Timer) -> None:
        timer.when = when
        heapq.heappush(self._heap, (when, next(self._order), timer))
        if when < self.armed:
            self.armed = when
            self._arm(when)

    def cancelled(self, timer: Timer) -> None:
        """Count a cancelled entry; rebuild the heap, in steps, when they are its larger part."""
        if timer is self._running:
            return  # by its own callback: it has left the heap
        self._dead += 1
        if self._old:
            self._sweep()
        elif self._dead > COMPACT_ABOVE and self._dead * 2 > len(self._heap):
            self._old, self._heap = self._heap, []
            self._sweep()

    def _sweep(self) -> None:
        """Look at some entries of the old heap, from its end: what is left of a heap remains one.

        What is not cancelled goes to the new one.
        """
        old = self._old
        some = old[-SWEEP:]
        del old[-SWEEP:]
        alive = [entry for entry in some if entry[2].callback is not None]
        self._dead -= len(some) - len(alive)
        heap = self._heap
        if not heap:
            heap += alive
            heapq.heapify(heap)
        else:
            for entry in alive:
                heapq.heappush(heap, entry)

    def _first(self) -> Heap:
        """Return the heap that has the earliest entry; it is empty where there is none."""
        heap, old = self._heap, self._old
        return old if old and (not heap or old[0] < heap[0]) else heap

    def due(self) -> None:
        """Learn that the time that was asked for has come, though the clock may say not quite."""
        self.armed = float("-inf")

    def run(self, until: float = float("inf")) -> None:
        """Run what is due, then ask for the next run. An error is logged and ends its entry.

        What is made meanwhile waits for the next run, so that the loop has its turn in between; so
        does what is left when the clock has passed ``until``.
        """
        now, made = self.now(), next(self._order)
        self.armed = float("inf")
        try:
            while (heap := self._first()) and heap[0][0] <= now and heap[0][1] < made:
                self._run_one(heapq.heappop(heap)[2])
                if self.now() > until:
                    break
        finally:
            heap = self._first()
            if heap and heap[0][0] < self.armed:
                self.armed = heap[0][0]
                self._arm(self.armed)

    def _run_one(self, timer: Timer) -> None:
        callback = timer.callback
        if callback is None:
            self._dead -= 1
            return
        self._running = timer
        again: float | None = None
        try:
            again = callback()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other timers run
            CRASHES.log(error, "a timer's callback failed")
        finally:
            self._running = None
            if again is None:
                timer.callback = None
        if again is not None and timer.callback is not None:
            self._push(again, timer)
