"""Sites over a net that loses, repeats, reorders and splits, in virtual time, and what must hold.

:class:`World` has an action for whatever may happen; :meth:`World.check` is true after each. Who
picks the actions may be Hypothesis or a seeded generator.
"""

from __future__ import annotations

import math
from typing import Any

import msgpack

from actors.presence.entries import JOIN, LEFT, LOST
from actors.presence.lifecycle import State
from actors.presence.site import Periods, Site

PERIODS = Periods(log=3, page_bytes=170)  # so that gaps are often too long, and sets have pages
MACHINES = ("a", "b")
TOPICS = ("t", "u")
KEYS = ("k", "l", "m")
OWNERS = (1, 2)
MAX_SITES = 5
MAX_IN_FLIGHT = 80
LATEST = 40.0
"""Seconds after which the net has lost what it did not deliver: less than ``forget``."""

ROUND = PERIODS.beat_every + 2 * PERIODS.want_every + 0.5
"""In which all agree when all is well again: a beat, a want that may have to wait, its pages."""


class Process:
    """A worker: its site, what it was told and has told, and what it slept through."""

    def __init__(self, worker: str, now: float) -> None:
        self.worker = worker
        self.machine = worker[0]
        self.start = -1
        self.asleep = False
        self.slept_at = now
        self.listed: frozenset[str] = frozenset()
        self.begin(now)

    def begin(self, now: float) -> None:
        """Begin the set, or begin it anew."""
        self.start += 1
        self.site = Site(self.worker, self.start, PERIODS, lambda: 0.5, now)
        self.seen: dict[tuple[str, str, str], bytes] = {}
        self.heard: dict[str, float] = {}
        self.awake_since = now
        self.ended: dict[str, tuple[float, float]] = {}  # a worker: the last start, and until when


class World:
    """Two machines of workers, and the net between all of them."""

    def __init__(self) -> None:
        self.now = 0.0
        self.processes: list[Process] = []
        self.numbers = dict.fromkeys(MACHINES, 0)
        self.net: list[tuple[float, str, str, bytes]] = []
        self.split: set[tuple[str, str]] = set()
        self.cut: dict[str, float] = {}
        self.linked_at = dict.fromkeys(MACHINES, 0.0)
        self.history: dict[str, dict[int, dict[int, Any]]] = {}
        self.refs: set[str] = set()
        self.dots: set[tuple[str, int]] = set()

    # -- workers

    def boot(self, machine: str) -> None:
        if len(self.processes) < MAX_SITES:
            self.numbers[machine] += 1
            process = Process(f"{machine}-{self.numbers[machine]}", self.now)
            self.processes.append(process)
            self.begun(process)
            self.tell_list(process)

    def begun(self, process: Process) -> None:
        self.history.setdefault(process.site.name, {}).setdefault(0, {})
        if process.machine in self.cut:
            process.site.linked(False, self.now)

    def kill(self, process: Process) -> None:
        self.processes.remove(process)

    def leave(self, process: Process) -> None:
        process.site.bye()
        self.collect(process)
        self.processes.remove(process)

    def restart(self, process: Process, *, polite: bool) -> None:
        if polite:
            process.site.bye()
            self.collect(process)
        process.begin(self.now)
        self.begun(process)
        process.site.workers(process.listed, self.now)
        self.collect(process)

    def tell_list(self, process: Process) -> None:
        """The master's list arrives: earlier it had another one, or none."""
        names = frozenset(p.worker for p in self.processes if p.machine == process.machine)
        for worker in process.listed - names:
            process.ended[worker] = (math.inf, self.now + PERIODS.forget)
        process.listed = names
        process.site.workers(names, self.now)
        self.collect(process)

    # -- what users do

    def track(self, process: Process, owner: int, topic: str, key: str) -> None:
        self.operate(process, process.site.add, owner, topic, key)

    def crowd(self, process: Process, owner: int) -> None:
        """As many operations as a delta of the log cannot tell."""
        for topic in TOPICS:
            for key in KEYS:
                self.track(process, owner, topic, key)

    def update(self, process: Process, owner: int, topic: str, key: str) -> None:
        if process.site.entry(owner, topic, key):
            self.operate(process, process.site.update, owner, topic, key)

    def operate(self, process: Process, method: Any, *where: Any) -> None:
        entry = method(*where, lambda ref: b'{"phx_ref":"%s"}' % ref.encode())
        name = process.site.name
        assert entry.ref not in self.refs, "a ref was used twice"
        assert (name, entry.tag) not in self.dots, "a dot was used twice"
        self.refs.add(entry.ref)
        self.dots.add((name, entry.tag))
        self.note(process)

    def untrack(self, process: Process, owner: int, topic: str, key: str, kind: Any = LEFT) -> None:
        if process.site.remove(owner, topic, key, kind):
            self.note(process)

    def ended(self, process: Process, owner: int, kind: Any) -> None:
        for topic in TOPICS:
            for key in KEYS:
                self.untrack(process, owner, topic, key, kind)

    def note(self, process: Process) -> None:
        own = process.site._own
        history = self.history[own.name]
        assert own.clock not in history, "a clock was used twice"
        history[own.clock] = dict(own.part.entries)
        self.collect(process)

    # -- the net

    def collect(self, process: Process) -> None:
        """Send what the site wants sent, and follow what it tells."""
        site = process.site
        for worker, message in site.outbox:
            for other in self.processes:
                if other is not process and worker in {None, other.worker}:
                    self.net.append(
                        (self.now, process.worker, other.worker, msgpack.packb(message))
                    )
        del self.net[:-MAX_IN_FLIGHT]
        for kind, entry in site.changes:
            identity = entry[1:4]
            if kind is JOIN:
                assert identity not in process.seen, "a join of what is there"
                process.seen[identity] = entry.meta
            else:
                assert kind in {LEFT, LOST}
                assert process.seen.pop(identity, None) is not None, "a leave of what is not there"
        for name, what in site.news:
            if what == "down":
                self.check_down(process, name)
        site.outbox.clear()
        site.changes.clear()
        site.news.clear()

    def check_down(self, process: Process, name: str) -> None:
        assert name[0] != process.machine, "silence means nothing on one's own machine"
        since = max(process.heard.get(name, 0.0), process.awake_since)
        cut = self.cut.get(process.machine)
        if cut is None:
            since = max(since, self.linked_at[process.machine])
        else:
            assert self.now >= cut + PERIODS.forget, "nobody can be heard now"
        assert self.now >= since + PERIODS.down, "it was not silent for long enough"

    def process(self, worker: str) -> Process | None:
        return next((p for p in self.processes if p.worker == worker), None)

    def passes(self, sender: str, receiver: str) -> bool:
        if sender[0] == receiver[0]:
            return True
        return (sender[0], receiver[0]) not in self.split and not {
            sender[0],
            receiver[0],
        } & self.cut.keys()

    def deliver(self, number: int, *, again: bool = False) -> None:
        """Whichever is next: they overtake each other. ``again``: it comes once more later."""
        if not self.net:
            return
        number %= len(self.net)
        _, sender, receiver, packed = self.net[number]
        process = self.process(receiver)
        if process is not None and process.asleep:
            return
        if not again:
            del self.net[number]
        if process is not None and self.passes(sender, receiver):
            self.hear(process, sender, msgpack.unpackb(packed))

    def hear(self, process: Process, sender: str, message: Any) -> None:
        unlisted = sender[0] == process.machine and sender not in process.listed
        taken = process.site.heard(message, self.now)
        if message[0] == "gone":
            assert taken
            if message[1][0] != process.machine:
                process.ended[message[1]] = (math.inf, self.now + PERIODS.forget)
        else:
            assert taken or unlisted, f"an honest message was refused: {message}"
            self.heard_of(process, sender, message)
        self.collect(process)

    def heard_of(self, process: Process, sender: str, message: Any) -> None:
        process.heard[message[1]] = self.now
        start = int(message[1].rpartition(".")[2])
        if message[0] == "bye" and start >= process.ended.get(sender, (-1, 0))[0]:
            process.ended[sender] = (start, self.now + PERIODS.forget)

    def lose(self, number: int) -> None:
        if self.net:
            del self.net[number % len(self.net)]

    def flow(self) -> None:
        """Deliver all that is under way, in order, and what is said to that."""
        for _ in range(400):
            waiting = [
                n
                for n, each in enumerate(self.net)
                if not getattr(self.process(each[2]), "asleep", 0)
            ]
            if not waiting:
                break
            self.deliver(waiting[0])

    def part(self, one: str, other: str) -> None:
        self.split ^= {(one, other)}

    def link(self, machine: str) -> None:
        """The machine's link to the others goes down, or up again."""
        if machine in self.cut:
            del self.cut[machine]
            self.linked_at[machine] = self.now
        else:
            self.cut[machine] = self.now
        for process in self.processes:
            if process.machine == machine:
                process.site.linked(machine not in self.cut, self.now)
                self.collect(process)

    # -- time

    def sleep(self, process: Process) -> None:
        """It stalls until :meth:`wake`: nothing of it runs, and what comes waits."""
        if not process.asleep:
            process.asleep, process.slept_at = True, self.now

    def wake(self, process: Process) -> None:
        if process.asleep:
            process.asleep = False
            # Of a stall shorter than that nothing need be noticed.
            if self.now - max(process.slept_at, process.awake_since) > 2 * PERIODS.stall:
                process.awake_since = self.now
            # It ticks when time goes on; what has waited may be heard before that.

    def wait(self, seconds: float, *, quick: bool) -> None:
        """Let time pass; ``quick``: what is sent arrives at once."""
        end = self.now + seconds
        while True:
            if quick:
                self.flow()
            awake = [p for p in self.processes if not p.asleep]
            due = min((p.site.due() for p in awake), default=math.inf)
            if due > end:
                break
            self.now = max(self.now, due)
            for process in awake:
                if process.site.due() <= self.now:
                    process.site.tick(self.now)
                    assert process.site.due() > self.now
                    self.collect(process)
        self.now = end
        self.net = [each for each in self.net if each[0] > self.now - LATEST]

    # -- what must hold

    def check(self) -> None:
        for process in self.processes:
            site = process.site
            shown = {}
            parts = [site._own.part]
            for member in site._members._known.values():
                view = member.view
                assert view.part.entries == self.history[member.name][view.clock], (
                    f"the view of {member.name} in {site.name} is no state of it"
                )
                start, until = process.ended.get(member.worker, (-1, 0))
                assert member.start > start or self.now >= until, "it has ended"
                if member.state is State.UP:
                    parts.append(view.part)
            for part in parts:
                shown.update((entry[1:4], entry.meta) for entry in part.entries.values())
            assert shown == process.seen, "what is told is not what is known"
            assert shown == {
                entry[1:4]: entry.meta
                for topic in site.index.topics()
                for key in site.index.metas(topic)
                for entry in site.index.by_key(topic, key)
            }

    def heal(self) -> None:
        """All is well again: in a round all agree, later nothing is left of who is gone."""
        self.split.clear()
        for machine in list(self.cut):
            self.link(machine)
        for process in self.processes:
            self.wake(process)
            self.tell_list(process)
        self.flow()
        self.check()
        self.wait(ROUND, quick=True)
        self.check()
        for one, other in self.pairs():
            member = one.site._members.known(other.worker)
            assert member is not None
            assert member.name == other.site.name
            assert member.state is State.UP
            assert member.view.part.entries == other.site._own.part.entries, "not in one round"
        self.wait(PERIODS.down + PERIODS.forget + PERIODS.stall, quick=True)
        self.check()
        self.check_memory()

    def pairs(self) -> list[tuple[Process, Process]]:
        return [(one, other) for one in self.processes for other in self.processes if one != other]

    def check_memory(self) -> None:
        for process in self.processes:
            site = process.site
            others = {p.worker for p in self.processes} - {process.worker}
            assert site._members._known.keys() == others
            assert site._members._graves == {}
            assert site.index._hidden == {}
            assert site.index.names.keys() == set(site.index.topics())
            sizes = [len(p.site._own.part.entries) for p in self.processes]
            assert len(process.seen) == sum(sizes), "something is left of who is gone"
