"""One class's presence in this process: the set, its links to other workers, what viewers wait for.

It lives beside the actor of its class (:class:`~actors.presence.presence.Presence`), which runs
what an application has written: that actor's crash loses nothing. All is for the loop's thread, and
nothing here blocks.
"""

from __future__ import annotations

import functools
import logging
import os
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from weakref import WeakSet

from gevent.event import Event

from actors import pubsub, telemetry
from actors.crash_log import capped
from actors.errors import PresenceLimit
from actors.presence.encoding import as_json, decoded, encoded
from actors.presence.ends import kind_of
from actors.presence.entries import LEFT, MAX_KEYS, MAX_METAS, Entry
from actors.presence.held import HELD, heard_of, said_held
from actors.presence.periods import Periods
from actors.presence.site import Site
from actors.presence.windows import Diff, Windows
from actors.pubsub.cluster import Cluster, Reply
from actors.pubsub.joint import Joint
from actors.runtime import monitors
from actors.runtime.cell import Cell
from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.timers import Timer, Timers

logger = logging.getLogger("roost.presence")

LINES: Final = capped(logger)

MAX_CACHED: Final = 16 * 1024 * 1024
"""Bytes of states that are kept encoded for the next viewer, in one process and class."""


LATE: Final = 1.0
"""Seconds by which we are late, and for which leaves wait then so that all is read that came."""


class Tracker:
    """The presence called ``name``; ``leave_delay`` in seconds.

    ``wake`` is called when a diff is due, and no more until :meth:`take` has found none.
    ``watches``: topics without viewers have diffs too.
    """

    def __init__(self, name: str, leave_delay: float, *, watches: bool) -> None:
        self.name = name
        self._kind = f"presence:{name}"
        self._watches = watches
        self._timers: Timers = get_dispatcher().timers
        self._starts = 0
        self._cluster: Cluster = Joint(())
        self._asked: WeakSet[Cluster] = WeakSet()
        self._owners: set[int] = set()
        self._at_end = self._ended  # one for all
        self._states: dict[str, bytes] = {}
        self._cached = 0
        self._timer: Timer | None = None
        self._leave_delay = leave_delay
        self._wake: Callable[[], object] | None = None
        self._woken = False
        self._news = Event()
        self._waits = False
        self.open = False
        self.site = self._new_site()
        self.windows = Windows(leave_delay)

    # -- its life

    @property
    def served(self) -> bool:
        """Whether an actor takes what is due."""
        return self._wake is not None

    def begin(self, wake: Callable[[], object]) -> None:
        """Serve; the set of before goes on, if it has not been closed."""
        self._wake, self._woken, before = wake, False, None
        timers = get_dispatcher().timers
        if not self.open or timers is not self._timers:  # another loop: what was there is over
            if timers is not self._timers:
                self._owners.clear()
            before = self.site
            self.open, self._timers, self._timer = True, timers, None
            self.site = self._new_site()
            self.windows = Windows(self._leave_delay)
            self._states.clear()
            self._cached = 0
        self._cluster = Joint(pubsub.server.adapters)
        for adapter in pubsub.server.adapters:
            if adapter not in self._asked:
                self._asked.add(adapter)
                adapter.serve(self._kind, self._heard)
                adapter.joined(self._listed)
                adapter.gone(self._listed)
        self.windows.taken_back()
        self._listed()
        if before is not None:
            self._carry_over(before)

    def catch_up(self, timeout: float) -> None:
        """Learn, within so many seconds, who is there in this machine's other workers.

        Also who was lost there a moment ago: whoever is served here first would else be shown that
        somebody is gone who is about to come back.
        """
        until = self._now() + timeout
        self._wait(until, lambda: self.site.caught_up)
        waiting: set[str] = set()
        for peer in self._cluster.peers:
            learn = functools.partial(self._learn, waiting, peer)
            if self._cluster.request(peer, self._kind, HELD, timeout, learn):
                waiting.add(peer)
        self._wait(until, lambda: not waiting)

    def _wait(self, until: float, condition: Callable[[], bool]) -> None:
        self._waits = True
        while not condition() and (left := until - self._now()) > 0:
            self._news.clear()
            self._news.wait(left)
        self._waits = False

    def _learn(self, waiting: set[str], peer: str, answer: Any) -> None:
        waiting.discard(peer)
        self._news.set()
        now, index = self._now(), self.site.index
        self.windows.hold(
            (entry, now + min(left, self._leave_delay))
            for entry, left in heard_of(answer)
            if not index.by_key(entry.topic, entry.key)
        )

    def _carry_over(self, before: Site) -> None:
        """Track again, under new refs, whom the set of before had, and who still lives."""
        for number in self._owners:  # who has ended is not among them
            for entry in before.owned(number):
                make = functools.partial(encoded, decoded(entry))
                self.site.add(number, entry.topic, entry.key, make)
        self._settle()

    def paused(self) -> None:
        """Go on without anybody to tell diffs: what is due waits."""
        self._wake = None

    def close(self, *, forget: bool) -> None:
        """Say goodbye to the other workers; unless it is to ``forget``, a next start goes on."""
        if self.open:
            self.site.bye()
            self._send()
            self.open = False
            self._wake = None
            self._cancel()
        if forget:
            self._owners.clear()

    def _now(self) -> float:
        return self._timers.now()

    def _new_site(self) -> Site:
        self._starts += 1
        worker = pubsub.server.worker or f"{os.urandom(8).hex()}-0"
        return Site(worker, self._starts, Periods(), random.random, self._now())

    # -- what this process has

    def add(self, owner: Cell, topic: str, key: str, make: Callable[[str], bytes]) -> Entry:
        """Track ``owner`` until it ends; :class:`PresenceLimit`: too many are there already."""
        index = self.site.index
        keys = index.metas(topic)
        there = len(keys.get(key, ()))
        if there >= MAX_METAS:
            raise PresenceLimit(f"{MAX_METAS} metas are under {key!r:.100} of {topic!r:.100}")
        if not there and len(keys) >= MAX_KEYS:
            raise PresenceLimit(f"{MAX_KEYS} keys are under {topic!r:.100}")
        if owner.number not in self._owners:
            if not monitors.at_end(owner, self._at_end):
                raise RuntimeError(f"{owner} has ended")
            self._owners.add(owner.number)
        try:
            entry = self.site.add(owner.number, topic, key, make)
        except ValueError as error:
            raise PresenceLimit(str(error)) from error
        self._settle()
        return entry

    def update(self, owner: Cell, topic: str, key: str, make: Callable[[str], bytes]) -> Entry:
        """Put another meta in the place of one; ``KeyError`` where there is none."""
        entry = self.site.update(owner.number, topic, key, make)
        self._settle()
        return entry

    def remove(self, owner: Cell, topic: str, key: str) -> None:
        """Track no more; nothing happens where it is not tracked."""
        self.site.remove(owner.number, topic, key)
        self._settle()

    def remove_all(self, owner: Cell) -> None:
        """Track it nowhere."""
        self.site.ended(owner.number, LEFT)
        self._settle()

    def _ended(self, owner: Cell) -> None:
        self._owners.discard(owner.number)
        if self.open:
            self.site.ended(owner.number, kind_of(owner.reason))
            self._settle()

    # -- what viewers see

    def shown(self, topic: str) -> Mapping[str, Sequence[Entry]]:
        """Return what viewers of ``topic`` here have been told so far."""
        return self.windows.shown(topic, self.site.index.metas(topic))

    def state(self, topic: str) -> bytes:
        """Return the same as ``presence_state`` has it, from a cache if it is there."""
        found = self._states.get(topic)
        if found is None:
            found = as_json(self.shown(topic))
            if self._cached + len(found) > MAX_CACHED:
                self._states.clear()
                self._cached = 0
            if len(found) <= MAX_CACHED:
                self._states[topic] = found
                self._cached += len(found)
        return found

    def take(self) -> Diff | None:
        """Return a diff that is due; tell it, then call :meth:`told`."""
        diff = self.windows.take(self._now())
        if diff is None:
            self._woken = False
            self._arm()
        return diff

    def take_of(self, topic: str) -> Diff | None:
        """Return the diff of one topic, if it may leave now."""
        return self.windows.take_of(topic, self._now())

    def told(self, diff: Diff) -> None:
        """Note that viewers have been told."""
        self._forget_state(diff.topic)
        viewers = pubsub.subscribers(diff.topic)
        self.windows.told(diff, self._now(), viewers)

    def _forget_state(self, topic: str) -> None:
        self._cached -= len(self._states.pop(topic, b""))

    # -- other workers

    def _heard(self, worker: str, body: Any, reply: Reply | None) -> None:
        if reply is not None:
            reply(self._said_held() if body == HELD else None)
            return
        if not self.open:
            return
        self._judge_ourselves()
        self._follow_link()
        if not self.site.heard(body, self._now()):
            telemetry.execute("presence.malformed", {"count": 1}, {"peer": worker})
            words = "%s: dropped what %.100s says: malformed, or not what follows what it said"
            LINES.log(logging.WARNING, "malformed", words, self.name, worker)
        self._settle()

    def _said_held(self) -> list[Any]:
        """Return the lost leaves that wait; who came back since the last delta is told before."""
        self.site.tell()
        self._send()
        return said_held(self.windows.held(self._now()))

    def _listed(self, _: str = "") -> None:
        """Take the list of this machine's workers, as it is now."""
        if self.open:
            self.site.workers({*self._cluster.peers, pubsub.server.worker}, self._now())
            self._settle()

    def _follow_link(self) -> None:
        self.site.linked(self._cluster.hears, self._now())

    def _send(self) -> None:
        outbox = self.site.outbox
        for worker, message in outbox:
            if worker is None:
                self._cluster.notify_all(self._kind, message)
            else:
                self._cluster.notify(worker, self._kind, message)
        outbox.clear()

    # -- what comes of all that

    def _settle(self) -> None:
        """Have everybody told what has changed, and wait for what is due next."""
        site = self.site
        if site.outbox:
            self._send()
        if site.changes:
            self._note()
        if site.news:
            for replica, status in site.news:
                about = {"presence": self.name, "replica": replica, "status": status}
                telemetry.execute("presence.replica", {"count": 1}, about)
            site.news.clear()
        if self._waits:
            self._news.set()
        self._arm()

    def _note(self) -> None:
        now, windows = self._now(), self.windows
        for change in self.site.changes:
            topic = change[1].topic
            seen = self._watches or pubsub.subscribers(topic) > 0
            windows.note(change, now, seen=seen)
            if not seen and self._states:
                self._forget_state(topic)
        self.site.changes.clear()

    def _arm(self) -> None:
        """Be called when something is due: by one timer, which is moved where it would be late."""
        if not self.open:
            return
        when = self.site.due()
        if not self._woken and self._wake is not None:
            due = self.windows.due()
            if due <= self._now():
                self._woken = True
                self._wake()
            else:
                when = min(when, due)
        timer = self._timer
        if timer is None or timer.when > when:
            self._cancel()
            self._timer = self._timers.call_at(when, self._due)

    def _judge_ourselves(self) -> None:
        """Hold it against nobody that we were late: who came back meanwhile may not be read yet."""
        now = self._now()
        if self._timer is not None and now - self._timer.when > LATE:
            self.windows.postpone(now + LATE)

    def _due(self) -> None:
        self._judge_ourselves()
        self._timer = None
        now = self._now()
        self._follow_link()
        if self.site.due() <= now:
            self.site.tick(now)
        self._settle()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


trackers: Final[dict[type, Tracker]] = {}
"""Of each presence class that has been started in this process."""


def tracked() -> int:
    """Return how many metas this process tracks, of all classes."""
    return sum(tracker.site.tracked for tracker in list(trackers.values()))
