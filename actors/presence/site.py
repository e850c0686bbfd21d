"""Presence in one process, for one presence class: its own set, and its views of all others (pure).

Whoever drives it hands in time, chance, messages and the machine's list of workers, calls
:meth:`Site.tick` when it is :meth:`Site.due`, and empties ``outbox``, ``changes`` and ``news``, in
place, after each call. It has no topic of its own and sends nothing itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

from actors.presence.entries import JOIN, LEFT, Entry, Index, Kind, Results
from actors.presence.lifecycle import Event, State
from actors.presence.members import Member, Members
from actors.presence.messages import Beat, Bye, Delta, Message, Page, Want, goner, parse, sender
from actors.presence.periods import Periods
from actors.presence.replica import Replica

__all__ = ["Periods", "Site"]


class Site:
    """The front. ``worker`` is ``<machine>-<number>``, ``""`` where the process is alone.

    ``start`` says how often the worker has begun its set: each one has a higher one, as a name must
    never be used twice. ``random()`` in [0, 1) spreads first beats.

    ``index`` is what is visible now. ``outbox`` has (worker, or None for all others; message of
    plain values), ``changes`` what became visible or vanished, in order: an update is a ``"left"``
    and a ``"join"``. ``news`` has (replica, ``"up"``, ``"down"`` or ``"gone"``).
    """

    def __init__(
        self,
        worker: str,
        start: int,
        periods: Periods,
        random: Callable[[], float],
        now: float,
    ) -> None:
        self.name = f"{worker}.{start}"
        self._out = Results()
        self.index: Index = self._out.index
        self.outbox = self._out.outbox
        self.changes = self._out.changes
        self.news = self._out.news
        self._periods = periods
        self._own = Replica(self.name, periods.log)
        self._members = Members(worker, self.name, periods, self._out, now)
        self._delta_at = now
        self._beat_at = now + random() * periods.beat_every
        self._over = False

    # -- own entries; ``owner`` is who ends with them

    def add(self, owner: int, topic: str, key: str, make: Callable[[str], bytes]) -> Entry:
        """Track ``key`` in ``topic`` for ``owner``; one that is tracked already is updated.

        ``make(ref)`` returns the meta, a JSON object with that ``phx_ref``. Raise ``ValueError``,
        and track nothing, where a limit of :mod:`actors.presence.entries` is reached.
        """
        before, entry = self._own.put(owner, topic, key, make)
        if before is not None:
            self._out.show([(LEFT, before)])
        self._out.show([(JOIN, entry)])
        self._worked()
        return entry

    def update(self, owner: int, topic: str, key: str, make: Callable[[str], bytes]) -> Entry:
        """Replace the owner's entry, in one operation; as :meth:`add`, ``KeyError`` for none."""
        if self.entry(owner, topic, key) is None:
            raise KeyError(key)
        return self.add(owner, topic, key, make)

    def entry(self, owner: int, topic: str, key: str) -> Entry | None:
        """Return what ``owner`` has tracked."""
        return self._own.entry(owner, topic, key)

    @property
    def tracked(self) -> int:
        """How many entries this process has of its own."""
        return len(self._own.part.entries)

    def owned(self, owner: int) -> list[Entry]:
        """Return all that ``owner`` has tracked."""
        found = (self.entry(owner, topic, key) for topic, key in self._own.owned(owner))
        return [entry for entry in found if entry is not None]

    def remove(self, owner: int, topic: str, key: str, kind: Kind = LEFT) -> bool:
        """Untrack; return False where nothing was tracked. ``kind``: ``LEFT`` or ``LOST``."""
        entry = self._own.remove(owner, topic, key, kind)
        if entry is None:
            return False
        self._out.show([(kind, entry)])
        self._worked()
        return True

    def ended(self, owner: int, kind: Kind) -> None:
        """Untrack all that ``owner`` has."""
        for topic, key in self._own.owned(owner):
            self.remove(owner, topic, key, kind)

    def _worked(self) -> None:
        # What nobody was told must not fall out of the log.
        if self._own.clock - self._own.told >= self._periods.log:
            self.tell()

    def tell(self) -> None:
        """Tell all others at once what they have not been told."""
        own = self._own
        while own.told < own.clock:
            own.told, delta = own.delta(own.told, self._periods.page_bytes)
            self.outbox.append((None, delta))

    # -- the others

    def heard(self, message: object, now: float) -> bool:
        """Take a message of another worker's. Return False for what no worker should say.

        That is dropped; who said it is asked anew where it is known. What a worker says that has
        left the list since, or is not in it yet, is dropped too, as is to be expected.
        """
        worker = goner(message)
        if worker is not None:
            self._members.gone(worker, now)
            return True
        who = sender(message)
        if who is None:
            return False
        if self._members.unlisted(who.worker):
            return True
        if not self._members.welcome(who.worker):
            return False
        parsed = parse(message, self.index.names)
        if parsed is None:
            known = self._members.known(who.worker)
            if known is not None:
                self._members.ask(known, now)
            return False
        member = self._members.meet(who, now)
        return member is None or self._take(member, parsed, now)

    def _take(self, member: Member, message: Message, now: float) -> bool:
        if isinstance(message, Bye):
            self._members.move(member, Event.ENDED, now)
            return True
        if member.state is State.NEW and not isinstance(message, Want):
            # It may not know of us either. Who wants something learns that by the answer.
            self.outbox.append((member.worker, self._beat()))
        self._members.move(member, Event.HEARD, now)
        if isinstance(message, Want):
            return self._answer(member, message, now)
        if isinstance(message, Beat):
            member.view.told = max(member.view.told, message.clock)
            return self._look_at(member, now)
        return self._merge(member, message, now)

    def _merge(self, member: Member, message: Delta | Page, now: float) -> bool:
        view = member.view
        before = view.place
        if isinstance(message, Delta):
            changes = view.take_delta(message)
        else:
            changes = view.take_page(message)
        if changes is None:
            self._members.ask(member, now)
            return False
        if member.state is State.UP:
            self._out.show(changes)
        # It has led on, so what is next need not wait for a second.
        return self._look_at(member, now, at_once=view.place != before)

    def _look_at(self, member: Member, now: float, *, at_once: bool = False) -> bool:
        if member.view.behind:
            self._members.ask(member, now, at_once=at_once)
        else:
            self._members.move(member, Event.CAUGHT_UP, now)
        return True

    def _answer(self, member: Member, want: Want, now: float) -> bool:
        own = self._own
        limit = self._periods.page_bytes
        clock, after = (want.clock, want.after) if want.of == self.name else (0, 0)
        if clock > own.clock or not member.answers.take(now):
            return False
        if after or not own.covers(clock):
            self.outbox.append((member.worker, own.page(clock, after, limit)))
            return True
        if clock < own.clock:
            clock, delta = own.delta(clock, limit)
            self.outbox.append((member.worker, delta))
            if clock == own.clock:
                return True
        self.outbox.append((member.worker, self._beat()))  # so that it asks for the rest
        return True

    def _beat(self) -> list[object]:
        return ["beat", self.name, self._own.clock]

    @property
    def caught_up(self) -> bool:
        """Whether all has come of what our machine's other workers have."""
        return self._members.caught_up

    def workers(self, names: Collection[str], now: float) -> None:
        """Learn the machine's list of workers; ours may be in it."""
        for worker in self._members.workers(names, now):
            # It is asked, and told where we stand: what it asked before may have come too early.
            self.outbox.append((worker, ["want", self.name, "", 0, 0]))
            self.outbox.append((worker, self._beat()))

    def linked(self, up: bool, now: float) -> None:  # noqa: FBT001 - it says what has happened
        """Learn whether other machines can be heard at all; the same once more changes nothing."""
        self._members.linked(up=up, now=now)

    # -- time

    def due(self) -> float:
        """Return when :meth:`tick` is to be called next; infinity after :meth:`bye`."""
        if self._over:
            return math.inf
        speak = self._delta_at if self._own.told < self._own.clock else self._beat_at
        return min(speak, self._members.look)

    def tick(self, now: float) -> None:
        """Say what is to be said by now, and judge the others."""
        if self._over:
            return
        if now >= self._members.look:
            self._members.judge(now)
        if self._own.told < self._own.clock:
            if now >= self._delta_at:
                self.tell()
                self._delta_at = now + self._periods.delta_every
                self._beat_at = now + self._periods.beat_every
        elif now >= self._beat_at:
            self.outbox.append((None, self._beat()))
            self._beat_at = now + self._periods.beat_every

    def bye(self) -> None:
        """Say the last words of an orderly end."""
        self._over = True
        self.outbox.append((None, ["bye", self.name, self._own.clock]))
