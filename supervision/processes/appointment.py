"""Which worker runs what exists once: the master's decisions without its deeds.

Theory of operation
-------------------
Whoever drives it says what has happened (:meth:`Appointment.resigned`, :meth:`Appointment.reaped`)
and asks what is to be done (:meth:`Appointment.decide`), with the workers that can be appointed.
The states are in :mod:`supervision.processes.lifecycle`.

An appointment is sticky: it ends with its worker, or with a reload. Workers have a *generation*,
the number of reloads that had been asked for when they were started. Once one of a later generation
serves, the holder is told to hand over, and nobody is appointed before it has: so a reload moves
what exists once one time, and to new code.

What gives up in one worker is tried in another after 1, 2, 4 ... 30 s. So is what may have ended
its worker: one that ends within :data:`QUICKLY` seconds of its appointment. Else one child could
cost all workers, one after the other.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Hashable, Mapping
from typing import Final, Generic, TypeVar

from supervision.backoff import Backoff
from supervision.processes.lifecycle import TRANSITIONS, Event, State

W = TypeVar("W", bound=Hashable)

QUICKLY: Final = 1.0


class Order(enum.Enum):
    """What a worker is told."""

    APPOINT = "appoint"
    RESIGN = "resign"


class Appointment(Generic[W]):
    """At most one worker at a time. ``chance()`` in [0, 1) spreads the waits (see ``Backoff``).

    ``holder`` is the worker that is appointed or resigning; ``since`` is when one was appointed
    last. ``retry_at``: when :meth:`decide` has something to do, and nothing else will have
    happened; infinity for never.
    """

    def __init__(self, chance: Callable[[], float]) -> None:
        self.state = State.VACANT
        self.holder: W | None = None
        self.retry_at = math.inf
        self._generation = 0
        self.since = 0.0
        self._gave_up: W | None = None
        self._backoff = Backoff(chance)

    def decide(self, candidates: Mapping[W, int], now: float) -> tuple[Order, W] | None:
        """Return what to tell whom, if anything; call it again until there is nothing.

        ``candidates`` are the workers that serve and can be appointed, the best first where nothing
        else tells them apart, with their generations.
        """
        best = self._best(candidates)
        newer = best is not None and candidates[best] > self._generation
        if self.retry_at <= now or newer:  # newer: what it failed for may be mended
            self.retry_at = math.inf
        if self.holder is None:
            if best is None or self.retry_at != math.inf:
                return None
            self._move(Event.APPOINT)
            self.holder, self.since, self._generation = best, now, candidates[best]
            return Order.APPOINT, best
        if self.state is State.RESIGNING or (self.holder in candidates and not newer):
            return None
        self._move(Event.RESIGN)
        return Order.RESIGN, self.holder

    def _best(self, candidates: Mapping[W, int]) -> W | None:
        """Return the first of the latest generation; who gave up last comes after its like."""
        if not candidates:
            return None
        latest = max(candidates.values())
        among = [worker for worker, generation in candidates.items() if generation == latest]
        return next((worker for worker in among if worker != self._gave_up), among[0])

    def resigned(self, worker: W, now: float, *, gave_up: bool) -> bool:
        """Learn that nothing runs in ``worker`` any more; ``gave_up``: it could not be kept there.

        Return whether the next appointment waits for that. From a worker that is not appointed this
        means nothing.
        """
        if worker != self.holder:
            return False
        self._move(Event.RESIGNED)
        if gave_up:
            self._gave_up = worker
            self._wait(now)
        self.holder = None
        return gave_up

    def reaped(self, worker: W, now: float) -> bool:
        """Learn that the process of ``worker`` has ended; return as :meth:`resigned`."""
        if worker == self._gave_up:
            self._gave_up = None
        if worker != self.holder:
            return False
        quickly = now - self.since < QUICKLY
        if quickly:
            self._wait(now)
        self._move(Event.REAPED)
        self.holder = None
        return quickly

    def _wait(self, now: float) -> None:
        self.retry_at = now + self._backoff.after(now - self.since)

    def _move(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state, event]
