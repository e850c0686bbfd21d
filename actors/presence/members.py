"""The sets of other workers: who is up, who is hidden, who is not listened to any more (pure).

On our own machine the master's list of workers is the truth: silence means nothing, and who is not
in the list is not listened to. On other machines silence is all there is. It is not held against
anybody while our own link to them is down, or when it was we who were late.

What has ended leaves a grave, which beats whatever comes later: messages overtake each other.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

from actors.presence.entries import JOIN, LOST, Results
from actors.presence.lifecycle import TRANSITIONS, Event, State
from actors.presence.messages import Sender
from actors.presence.periods import Periods
from actors.presence.view import View

MAX_MEMBERS: Final = 1024
"""Sets of others that are known, else a new one is not listened to."""

MAX_GRAVES: Final = 4096
"""Workers whose set has ended that are remembered, else the one of longest ago is forgotten."""

MAX_ANSWERS: Final = 64
"""Answers that one set gets in each ``want_every``, and wants: the pages of a transfer."""


EARLIER: Final = 8
"""Workers before a new one of which it tells, where they are not in its list, that they ended."""


class Budget:
    """What may be done ``MAX_ANSWERS`` times in each ``every`` seconds."""

    __slots__ = ("_count", "_every", "_until")

    def __init__(self, every: float) -> None:
        self._every = every
        self._until = -math.inf
        self._count = 0

    def take(self, now: float) -> bool:
        """Note that it is to be done; return False where it was done often enough."""
        if now >= self._until:
            self._until, self._count = now + self._every, 0
        self._count += 1
        return self._count <= MAX_ANSWERS


class Member:
    """A set of another worker. ``start`` is infinite where the worker itself has ended."""

    __slots__ = (
        "answers",
        "heard",
        "start",
        "state",
        "until",
        "view",
        "want_at",
        "wants",
        "worker",
    )

    def __init__(self, worker: str, start: float, every: float, now: float) -> None:
        self.worker = worker
        self.start = start
        self.state = State.NEW
        self.view = View()
        self.heard = now
        self.want_at = now
        self.until = math.inf
        self.answers = Budget(every)
        self.wants = Budget(every)

    @property
    def name(self) -> str:
        """The name of the set."""
        return f"{self.worker}.{self.start}"


class Members:
    """All sets that ``worker`` knows of others. ``me`` is the name of its own.

    ``look`` is when :meth:`judge` is to be called next.
    """

    def __init__(self, worker: str, me: str, periods: Periods, out: Results, now: float) -> None:
        self.look = now + periods.stall
        self._machine = worker.rpartition("-")[0]
        self._worker = worker
        self._me = me
        self._periods = periods
        self._out = out
        self._known: dict[str, Member] = {}
        self._graves: dict[str, Member] = {}  # the first one has ended first
        self._listed: frozenset[str] = frozenset()
        self._cut: float | None = None
        self._seen = False

    @property
    def caught_up(self) -> bool:
        """Whether every worker in the list has been heard, and nothing of it is missing."""
        alive = (self._known.get(name) for name in self._listed if name not in self._graves)
        return all(
            each and each.state is State.UP and 0 <= each.view.told <= each.view.clock
            for each in alive
        )

    def known(self, worker: str) -> Member | None:
        """Return the member that ``worker`` has, hidden or not."""
        return self._known.get(worker)

    def welcome(self, worker: str) -> bool:
        """Whether ``worker`` may say something: it is not ours, nor one too many."""
        if worker == self._worker:
            return False
        return worker in self._known or len(self._known) < MAX_MEMBERS

    def unlisted(self, worker: str) -> bool:
        """Whether it is one of this machine that the list no longer has, or has not yet."""
        return worker != self._worker and self._sibling(worker) and worker not in self._listed

    def meet(self, sender: Sender, now: float) -> Member | None:
        """Return the member that speaks; None where its set has ended, or was begun anew since."""
        worker, start = sender
        grave = self._graves.get(worker)
        if grave is not None and start <= grave.start:
            return None
        member = self._known.get(worker)
        if member is not None and start > member.start:
            self.move(member, Event.ENDED, now)
            member = None
        if member is None:
            self._graves.pop(worker, None)
            member = self._new(worker, start, now)
            self._known[worker] = member
        elif start < member.start:
            return None
        member.heard = now
        return member

    def _new(self, worker: str, start: float, now: float) -> Member:
        return Member(worker, start, self._periods.want_every, now)

    def move(self, member: Member, event: Event, now: float) -> None:
        """Go where ``event`` leads, and do what is due then."""
        before, member.state = member.state, TRANSITIONS[member.state, event]
        if member.state is before:
            return
        entries = member.view.part.entries.values()
        if before is State.UP:
            self._out.show((LOST, entry) for entry in entries)
        if member.state is State.UP:
            self._out.show((JOIN, entry) for entry in entries)
            self._out.news.append((member.name, "up"))
        elif member.state is State.DOWN:
            self._out.news.append((member.name, "down"))
        elif member.state is State.GONE:
            self._bury(member, now)
        else:
            del (self._graves if before is State.GONE else self._known)[member.worker]
        if before in {State.UP, State.DOWN} and member.state in {State.GONE, State.FORGOTTEN}:
            self._out.news.append((member.name, "gone"))

    def _bury(self, member: Member, now: float) -> None:
        member.view = View()
        member.until = now + self._periods.forget
        self._known.pop(member.worker, None)
        self._graves[member.worker] = member
        if len(self._graves) > MAX_GRAVES:
            self.move(next(iter(self._graves.values())), Event.EXPIRED, now)

    def end(self, worker: str, now: float) -> None:
        """Learn that ``worker`` itself has ended: what it might begin has too."""
        member = self._known.get(worker) or self._new(worker, math.inf, now)
        self._graves.pop(worker, None)
        self.move(member, Event.ENDED, now)
        member.start = math.inf

    def gone(self, worker: str, now: float) -> None:
        """Learn from another machine that it lost ``worker``. Of our own we know ourselves."""
        if worker != self._worker and not self._sibling(worker):
            self.end(worker, now)

    def workers(self, names: Collection[str], now: float) -> list[str]:
        """Learn which workers our machine has: bury who is missing, and return the new ones."""
        listed = frozenset(name for name in names if self._sibling(name) and name != self._worker)
        before, self._listed = self._listed, listed
        if not self._seen:
            self._seen = True
            self._tell_earlier()
        for worker in sorted(before - listed):
            self.end(worker, now)
            self._out.outbox.append((None, ["gone", worker]))
        return [worker for worker in sorted(listed - before) if worker not in self._graves]

    def _tell_earlier(self) -> None:
        """Tell that workers before ours have ended, which may have been alone on our machine."""
        number = self._worker.rpartition("-")[2]
        if number.isdecimal():
            for earlier in range(max(1, int(number) - EARLIER), int(number)):
                worker = f"{self._machine}-{earlier}"
                if worker not in self._listed:
                    self._out.outbox.append((None, ["gone", worker]))

    def linked(self, *, up: bool, now: float) -> None:
        """Learn whether others on other machines can be heard at all."""
        if up and self._cut is not None:
            self._cut = None
            self._pardon(now)
        elif not up and self._cut is None:
            self._cut = now

    def ask(self, member: Member, now: float, *, at_once: bool = False) -> None:
        """Ask the owner for what is missing: at most every ``want_every``.

        ``at_once``: it has just answered, so it is asked for what is next, within a budget.
        """
        if now >= member.want_at or (at_once and member.wants.take(now)):
            member.want_at = now + self._periods.want_every
            want = ["want", self._me, member.name, *member.view.place]
            self._out.outbox.append((member.worker, want))
        self.look = min(self.look, member.want_at)

    def judge(self, now: float) -> None:
        """Look who is behind, silent, or to be forgotten; nobody is silent where we were late."""
        if now - self.look > self._periods.stall:
            self._pardon(now)
        self.look = now + self._periods.stall
        for member in list(self._known.values()):
            if member.view.behind:
                self.ask(member, now)
            if not self._sibling(member.worker):
                self._judge_silence(member, now)
        while self._graves:
            first = next(iter(self._graves.values()))
            if first.until > now:
                self.look = min(self.look, first.until)
                break
            self.move(first, Event.EXPIRED, now)

    def _judge_silence(self, member: Member, now: float) -> None:
        periods = self._periods
        if self._cut is not None and now < self._cut + periods.forget:
            return
        # Sums, as in `look`: a difference may be less by a rounding, and is looked at for ever.
        if now >= member.heard + periods.down:
            self.move(member, Event.SILENT, now)
        if member.state is State.DOWN and now >= member.heard + periods.forget:
            self.move(member, Event.EXPIRED, now)
        else:
            wait = periods.forget if member.state is State.DOWN else periods.down
            self.look = min(self.look, member.heard + wait)

    def _pardon(self, now: float) -> None:
        for member in self._known.values():
            member.heard = now

    def _sibling(self, worker: str) -> bool:
        return self._machine != "" and worker.rpartition("-")[0] == self._machine
