"""When a worker may run what exists once, and until when: a tenure's decisions without its deeds.

Theory of operation
-------------------
Whoever drives it says what has happened, with the time, and does what is returned, in order. Times
are seconds of one monotonic clock. :meth:`Tenure.due` says when :meth:`Tenure.act` has something
to do.

::

    appointed   -> ACQUIRE, again while it is refused
    granted     -> START, RENEW now and then
    resign      -> STOP; when what ran has ended: RELEASE, RESIGNED
    not renewed -> STOP, KILL; when what ran has ended: RELEASE, ACQUIRE

A lease counts from the moment at which it was asked for, not from the answer. What runs is asked to
end ``STOP_BEFORE`` seconds before the lease is over, and killed ``KILL_BEFORE`` seconds before. It
is killed at once where the answer is that the lease is lost: another may have it by now. While what
runs ends in good order, the lease is renewed.
"""

from __future__ import annotations

import enum
import math
from typing import Final

from actors.endpoint.serving.lease import KILL_BEFORE, STOP_BEFORE
from actors.endpoint.serving.lifecycle import TRANSITIONS, Event, State

NEVER: Final = math.inf


class Deed(enum.Enum):
    """What is to be done."""

    ACQUIRE = "ask for the lease, and say granted() or refused()"
    RENEW = "ask for its renewal, and say renewed()"
    RELEASE = "give it back"
    START = "start what exists once"
    STOP = "ask it to end, and say ended()"
    KILL = "end it at once, and say ended()"
    RESIGNED = "tell the master"


class Tenure:
    """``seconds``, ``renew_every`` and ``retry``: as of the lease.

    ``number`` is that of the lease which is held, or was granted last.
    """

    def __init__(self, seconds: float, renew_every: float, retry: float) -> None:
        self.state = State.OUT
        self.number = 0
        self._seconds = seconds
        self._renew_every = renew_every
        self._retry = retry
        self._asked_at: float | None = None
        self._ends = NEVER
        self._killed = False
        self._next = NEVER
        """When it is asked for again: the lease in ASKING, else its renewal."""

    # -- what has happened

    def appoint(self, now: float) -> list[Deed]:
        """Learn that this worker is to run it."""
        was = self.state
        self._move(Event.APPOINTED)
        if was is not State.OUT or self._asked_at is not None:  # the answer to that will do
            return []
        return self._ask(now)

    def resign(self) -> list[Deed]:
        """Learn that it is not, any more."""
        was = self.state
        self._move(Event.RESIGN)
        self._next = NEVER if self.state is State.OUT else self._next
        if was is State.ASKING:
            return [Deed.RESIGNED]
        return [Deed.STOP] if was is State.HOLDING else []

    def granted(self, number: int, now: float) -> list[Deed]:
        """Learn that the lease is ours, by what was asked last."""
        asked_at, self._asked_at = self._asked_at, None
        self.number = number
        ends = (now if asked_at is None else asked_at) + self._seconds
        if self.state is not State.ASKING:
            return [Deed.RELEASE]
        if now >= ends - STOP_BEFORE:  # the answer took too long
            self._next = now + self._retry
            return [Deed.RELEASE]
        self._move(Event.GRANTED)
        self._ends, self._killed = ends, False
        self._next = now + self._renew_every
        return [Deed.START]

    def refused(self, now: float) -> list[Deed]:
        """Learn that it is not."""
        self._asked_at = None
        if self.state is State.ASKING:
            self._next = now + self._retry
        return []

    def renewed(self, kept: bool | None, now: float) -> list[Deed]:  # noqa: FBT001 - as it is said
        """Learn what became of a renewal; ``None``: nobody knows."""
        asked_at, self._asked_at = self._asked_at, None
        if not self.runs:  # it has ended meanwhile, and may be appointed anew
            self._next = now if self.state is State.ASKING else NEVER
            return []
        if kept is False:
            self._lose()
            return self._kill()
        if kept and self.state is not State.LOSING and asked_at is not None:
            self._ends = asked_at + self._seconds
        self._next = now + (self._renew_every if kept else self._retry)
        return []

    def ended(self, now: float) -> list[Deed]:
        """Learn that what ran has ended, and nothing of it is left."""
        if self.state is State.HOLDING:  # by itself: it gave up
            self._move(Event.RESIGN)
        if not self.runs:
            return []
        self._move(Event.ENDED)
        self._ends = NEVER
        if self.state is State.OUT:
            self._next = NEVER
            return [Deed.RELEASE, Deed.RESIGNED]
        self._next = now + self._retry
        return [Deed.RELEASE]

    # -- time

    @property
    def runs(self) -> bool:
        """Whether what exists once may run here."""
        return self.state in (State.HOLDING, State.LOSING, State.RESIGNING)

    @property
    def ends(self) -> float:
        """When the lease of what runs is over, as far as is known; never: nothing runs."""
        return self._ends if self.runs else NEVER

    def due(self) -> float:
        """Return when :meth:`act` has something to do."""
        ask = NEVER if self._asked_at is not None else self._next
        if self.state is State.HOLDING:
            return min(ask, self._ends - STOP_BEFORE)
        if self.runs:
            kill = NEVER if self._killed else self._ends - KILL_BEFORE
            return min(kill, NEVER if self.state is State.LOSING else ask)
        return ask

    def act(self, now: float) -> list[Deed]:
        """Return what is due."""
        deeds: list[Deed] = []
        if now < self.due():
            return deeds
        if self.state is State.HOLDING and now >= self._ends - STOP_BEFORE:
            self._lose()
            deeds.append(Deed.STOP)
        if self.runs and now >= self._ends - KILL_BEFORE:
            deeds += self._kill()
        if self._next <= now and self._asked_at is None:
            deeds += self._ask(now)
        return deeds

    def _ask(self, now: float) -> list[Deed]:
        self._next = NEVER
        if self.state is State.LOSING:
            return []
        self._asked_at = now
        return [Deed.RENEW if self.runs else Deed.ACQUIRE]

    def _lose(self) -> None:
        if self.state is not State.LOSING:
            self._move(Event.LOST)

    def _kill(self) -> list[Deed]:
        killed, self._killed = self._killed, True
        return [] if killed else [Deed.KILL]

    def _move(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state, event]
