"""What viewers have not been told yet: joins and leaves, merged until the next diff of a topic.

Telling everybody of everybody costs the square of their number. So the diffs of a topic keep a
distance that grows with its viewers, and what joined and left between two of them is not told at
all. A leave that is *lost* (:mod:`actors.presence.ends`) waits for ``leave_delay``: where its key
comes back meanwhile, both travel in one diff, which a client takes as an update.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from actors.presence.entries import JOIN, LEFT, LOST, Change, Entry

PER_VIEWER: Final = 85e-6
"""Seconds between two diffs of a topic, for each of its viewers."""

LONGEST: Final = 5.0
"""Seconds between two diffs of a topic, at most."""

_Named = tuple[str, str]


class Diff(NamedTuple):
    """What the viewers of ``topic`` are to be told."""

    topic: str
    joins: Sequence[Entry]
    leaves: Sequence[Entry]


class _Held(NamedTuple):
    """The lost leaves of a key, which wait until ``when``."""

    when: float
    leaves: list[Entry]


class _Topic:
    """A topic with something to tell, or of which the last diff was told a moment ago.

    ``joins`` and ``leaves`` wait for the next diff, which may leave at ``open_at``. ``held`` is
    in the order of its times. ``at_hand`` has been taken, and nobody has been told yet. ``when``:
    the one entry in the queue that counts.
    """

    __slots__ = ("at_hand", "held", "joins", "leaves", "open_at", "when")

    def __init__(self) -> None:
        self.joins: dict[_Named, Entry] = {}
        self.leaves: dict[_Named, Entry] = {}
        self.held: dict[str, _Held] = {}
        self.at_hand: Diff | None = None
        self.open_at = 0.0
        self.when = math.inf

    def due(self) -> float:
        """Return when there is something to do; infinity while a diff is at hand."""
        if self.at_hand is not None:
            return math.inf
        if self.held and not (self.joins or self.leaves):
            return max(self.open_at, next(iter(self.held.values())).when)
        return self.open_at

    def take(self, kind: str, entry: Entry, until: float) -> None:
        """Merge a change with what waits; a lost leave waits ``until`` then."""
        named = entry.key, entry.ref
        if kind == JOIN:
            back = self.held.pop(entry.key, None)
            if back is not None:
                self._leave(back.leaves)
            self._join(entry)
        elif self.joins.pop(named, None) is not None:  # nobody has seen it
            if kind == LOST:  # but what it came instead of, if it was an update
                instead = [each for each in self.leaves if each[0] == entry.key]
                self._hold(entry.key, [self.leaves.pop(each) for each in instead], until)
        elif kind == LOST:
            self._hold(entry.key, [entry], until)
        else:
            self.leaves[named] = entry

    def _hold(self, key: str, leaves: list[Entry], until: float) -> None:
        if leaves:
            held = self.held.pop(key, None)  # it goes to the end, where its time belongs
            self.held[key] = _Held(until, leaves if held is None else [*held.leaves, *leaves])

    def postpone(self, until: float) -> None:
        """Let no leave that waits go before ``until``."""
        for key, held in self.held.items():
            if held.when < until:
                self.held[key] = held._replace(when=until)

    def release(self, now: float) -> None:
        """Let the leaves go whose time is over."""
        over = []
        for key, held in self.held.items():
            if held.when > now:
                break
            over.append(key)
        for key in over:
            self._leave(self.held.pop(key).leaves)

    def merge(self, joins: dict[_Named, Entry], leaves: dict[_Named, Entry]) -> None:
        """Take what came after what is here."""
        self._leave(leaves.values())
        for entry in joins.values():
            self._join(entry)

    def _join(self, entry: Entry) -> None:
        named = entry.key, entry.ref
        if self.leaves.pop(named, None) is None:
            self.joins[named] = entry

    def _leave(self, leaves: Iterable[Entry]) -> None:
        for entry in leaves:
            if self.joins.pop((entry.key, entry.ref), None) is None:
                self.leaves[entry.key, entry.ref] = entry


class Windows:
    """The topics of one process that have viewers. Times are seconds of the caller's clock."""

    def __init__(self, leave_delay: float) -> None:
        self._leave_delay = leave_delay
        self._topics: dict[str, _Topic] = {}
        self._queue: list[tuple[float, str]] = []

    def __len__(self) -> int:
        return len(self._topics)

    def note(self, change: Change, now: float, *, seen: bool) -> None:
        """Take what became visible, or vanished; ``seen``: whether anybody sees the topic.

        Where nobody does, a lost leave waits all the same: whoever comes soon is shown it, and not
        somebody who leaves and is back in a moment.
        """
        kind, entry = change
        if kind == LOST and not self._leave_delay:
            kind = LEFT
        topic = self._topics.get(entry.topic)
        if topic is None:
            if not seen and kind != LOST:
                return
            topic = self._topics[entry.topic] = _Topic()
        topic.take(kind, entry, now + self._leave_delay)
        if not seen:
            topic.joins.clear()
            topic.leaves.clear()
            topic.at_hand = None
        self._wait(entry.topic, topic)

    def postpone(self, until: float) -> None:
        """Let no leave that waits go before ``until``: we were late, and have much to read."""
        for name, topic in self._topics.items():
            topic.postpone(until)
            self._wait(name, topic)

    def held(self, now: float) -> Iterator[tuple[Entry, float]]:
        """Yield each lost leave that waits, and for how many seconds more."""
        for topic in self._topics.values():
            for held in topic.held.values():
                for entry in held.leaves:
                    yield entry, max(0.0, held.when - now)

    def hold(self, leaves: Iterable[tuple[Entry, float]]) -> None:
        """Have lost leaves wait, each until a time, that another process has heard of.

        Twice is once.
        """
        changed: dict[str, _Topic] = {}
        for entry, until in leaves:
            topic = self._topics.setdefault(entry.topic, _Topic())
            before = topic.held.get(entry.key, _Held(until, []))
            if entry.ref not in {each.ref for each in before.leaves}:
                topic.held[entry.key] = _Held(max(until, before.when), [*before.leaves, entry])
                changed[entry.topic] = topic
        for name, topic in changed.items():
            topic.held = dict(sorted(topic.held.items(), key=lambda item: item[1].when))
            self._wait(name, topic)

    def due(self) -> float:
        """Return when :meth:`take` has something to do; infinity for never."""
        while self._queue:
            when, name = self._queue[0]
            topic = self._topics.get(name)
            if topic is not None and topic.when == when:
                return when
            heapq.heappop(self._queue)
        return math.inf

    def take(self, now: float) -> Diff | None:
        """Return a diff that is due, until it is :meth:`told` no other of its topic."""
        while self.due() <= now:
            name = heapq.heappop(self._queue)[1]
            self._topics[name].when = math.inf
            diff = self.take_of(name, now)
            if diff is not None:
                return diff
        return None

    def take_of(self, name: str, now: float) -> Diff | None:
        """Return the diff of one topic, if there is one and its window is over."""
        topic = self._topics.get(name)
        if topic is None or topic.at_hand is not None or topic.open_at > now:
            return None
        topic.release(now)
        if topic.joins or topic.leaves:
            topic.at_hand = Diff(name, [*topic.joins.values()], [*topic.leaves.values()])
            topic.joins, topic.leaves = {}, {}
        elif not topic.held:
            del self._topics[name]
            return None
        self._wait(name, topic)
        return topic.at_hand

    def counts(self, diff: Diff) -> bool:
        """Whether a diff that was taken is still to be told: not where all viewers had left."""
        topic = self._topics.get(diff.topic)
        return topic is not None and topic.at_hand is diff

    def told(self, diff: Diff, now: float, viewers: int) -> None:
        """Have the next diff of the topic keep its distance: ``diff`` was told to so many."""
        if self.counts(diff):
            topic = self._topics[diff.topic]
            topic.at_hand = None
            topic.open_at = now + min(viewers * PER_VIEWER, LONGEST)
            self._wait(diff.topic, topic)

    def taken_back(self) -> None:
        """Let what was taken and not told be taken once more: who took it has ended."""
        for name, topic in self._topics.items():
            diff, topic.at_hand = topic.at_hand, None
            if diff is not None:
                joins, leaves = topic.joins, topic.leaves
                topic.joins = {(each.key, each.ref): each for each in diff.joins}
                topic.leaves = {(each.key, each.ref): each for each in diff.leaves}
                topic.merge(joins, leaves)
            self._wait(name, topic)

    def shown(
        self, topic: str, present: Mapping[str, Sequence[Entry]]
    ) -> Mapping[str, Sequence[Entry]]:
        """Return what viewers have been told so far, of what is ``present`` now."""
        waits = self._topics.get(topic)
        if waits is None:
            return present
        hidden, kept = set(waits.joins), [*waits.leaves.values()]
        for held in waits.held.values():
            kept += held.leaves
        if waits.at_hand is not None:
            hidden |= {(each.key, each.ref) for each in waits.at_hand.joins}
        kept = [each for each in kept if (each.key, each.ref) not in hidden]
        if waits.at_hand is not None:
            kept += waits.at_hand.leaves
        seen = dict(present)
        for key in {key for key, _ in hidden}:
            left = [each for each in seen.get(key, ()) if (key, each.ref) not in hidden]
            if left:
                seen[key] = left
            else:
                seen.pop(key, None)
        for entry in kept:
            seen[entry.key] = [entry, *seen.get(entry.key, ())]
        return seen

    def _wait(self, name: str, topic: _Topic) -> None:
        when = topic.due()
        if when != topic.when:
            topic.when = when
            if when != math.inf:
                heapq.heappush(self._queue, (when, name))
