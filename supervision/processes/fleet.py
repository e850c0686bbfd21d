"""The master's book on its worker processes: who runs, since when, and what is due with whom."""

from __future__ import annotations

import enum
import logging
import os
import selectors
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from signal import Signals
from typing import Any, Final, NamedTuple

from actors import telemetry
from actors.schedule import ABORT_TO_KILL, GRACE, STOP_TO_KILL
from supervision.processes import snapshot
from supervision.processes.channel import Channel, words
from supervision.processes.directory import Directory
from supervision.processes.launch import launch
from supervision.processes.load import LOAD, LoadShare
from supervision.processes.reload_told import LastReload
from supervision.processes.totals import Totals

logger = logging.getLogger("roost.master")

NEVER: Final = float("inf")

BOOT: Final = 60.0
"""Seconds until a worker must be ready."""

HASTE: Final = 2.0
"""Seconds that a worker has to become ready whose code has changed since it was started."""

REMOVED: Final = (
    "%s was removed, not by us, and is made anew: broadcasts and polls do not get from workers"
    " started now to those from before; SIGHUP replaces them"
)


class State(enum.Enum):
    """What a process is at."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"


@dataclass(slots=True, eq=False)
class Process:
    """One worker; ``slot`` is its place, which outlives it. Times are the master's clock.

    ``grace``: seconds that it may take to stop. ``beat``: its last sign of life, 0 before the
    first. ``served_from``: since when it has served. ``watched``: the events of its channel that
    the selector is asked for. ``understands``: messages that workers of an earlier release do not.
    ``outdated_at``: when it is ended where it is not ready by then, as its code has changed.
    ``generation``: how many reloads had been asked for when it was started. ``told``: how it was
    configured. ``leaving``: it ends, by its own account. ``was_ready``: it has said that it serves.
    """

    name: str
    slot: int
    pid: int
    channel: Channel
    since: float
    grace: float
    state: State = State.STARTING
    beat: float = 0.0
    served_from: float | None = None
    on_bus: bool = False
    understands: frozenset[str] = frozenset()
    stands_back: bool = False
    generation: int = 0
    told: dict[str, Any] = field(default_factory=dict)
    leaving: bool = False
    watched: int = selectors.EVENT_READ
    stop_by: float | None = None
    outdated_at: float | None = None
    aborted: float | None = None
    killed: bool = False
    was_ready: bool = False

    def __str__(self) -> str:
        return f"worker {self.name} (pid {self.pid})"

    def serves(self, facts: dict[str, Any]) -> None:
        """Learn what it says when it is ready."""
        self.was_ready = True
        self.grace = float(facts["grace"])
        self.understands = words(facts.get("understands"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """In seconds: ``heartbeat`` without a sign of life, ``boot`` until a worker is ready.

    ``grace`` is for the stop of one that has not said yet how long it may take; ``patience`` is how
    long a master whose workers have served goes on without any. ``lame_duck``: between SIGTERM and
    the stop of the workers. ``replaced`` is what one has at most that a reload has replaced;
    ``None``: what any other has.
    """

    heartbeat: float = 30.0
    boot: float = BOOT
    grace: float = GRACE
    patience: float = 60.0
    lame_duck: float = 0.0
    replaced: float | None = None


class Due(NamedTuple):
    """When a process gets which signal, and why."""

    when: float
    number: Signals
    why: str


@dataclass(slots=True)
class Fleet:
    """The processes by pid. ``module`` is run with the channel's descriptor and the listeners'.

    ``configure`` is what every worker is told first. ``proven``: the worker of the last generation
    of which one has served.
    In ``directory`` a worker listens under its name, and they share how many clients each has.
    ``boot_id`` tells the names of one master's workers from another's. ``publish`` listens too: a
    worker is told of it by its configuration. ``totals`` is where workers' beats say what they have
    counted; without it they are not asked to count. ``generation`` is that of the workers started
    from now on, and ``serving`` tells them that one has served before. ``leaving``: the service is
    to stop.
    """

    module: str
    listeners: list[socket.socket]
    configure: dict[str, Any]
    directory: Directory
    timeouts: Timeouts
    clock: Callable[[], float]
    boot_id: str
    publish: socket.socket | None = None
    totals: Totals | None = None
    processes: dict[int, Process] = field(default_factory=dict)
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    generation: int = 0
    serving: bool = False
    proven: Process | None = None
    leaving: bool = False
    last_reload: LastReload = field(default_factory=LastReload)
    _count: int = 0

    def start(self, slot: int) -> Process:
        """Start a worker for ``slot``, which is ready when it says so; ``OSError``: it cannot be.

        The selector's key of its channel has the process as its data.
        """
        if self.directory.restore():
            logger.warning(REMOVED, self.directory.path)
        self._count += 1
        others = [] if self.publish is None else [self.publish]
        pid, channel = launch(self.module, self.listeners, others)
        name = f"{self.boot_id}-{self._count}"
        process = Process(
            name, slot, pid, channel, self.clock(), self.timeouts.grace,
            generation=self.generation, told=dict(self.configure),
        )  # fmt: skip
        self.processes[pid] = process
        self.selector.register(process.channel, process.watched, process)
        publish = None if self.publish is None else self.publish.fileno()
        own = {"name": name, "number": slot, "peers": self.names(), "publish": publish}
        own["serving"] = self.serving
        if self.totals is not None:
            own["totals"] = True
        options = {**self.configure, "bus": str(self.directory.path), **own}
        process.channel.send("configure", options)
        logger.debug("started %s", process)
        about = {"slot": slot, "name": name, "pid": pid}
        telemetry.execute("worker.started", {"count": 1}, about)
        return process

    def prove(self, process: Process) -> None:
        """Learn that a worker serves: what it was told is good."""
        if self.proven is None or process.generation >= self.proven.generation:
            self.proven = process

    def tell_as_before(self) -> None:
        """Tell workers what those that serve were told: with what came later none does."""
        if self.proven is not None:
            self.configure = dict(self.proven.told)

    def __iter__(self) -> Iterator[Process]:
        return iter(list(self.processes.values()))

    def watch(self) -> None:
        """Have the selector wait for room in the channels whose workers have not read all."""
        for process in self:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if process.channel.unsent else 0)
            if wanted != process.watched and not process.channel.closed:
                process.watched = wanted
                self.selector.modify(process.channel, wanted, process)

    def hang_up(self, process: Process) -> None:
        """Close the channel; a worker that still runs takes that for the master's end.

        Of what it said last its totals are heard, and that it has served. The rest is not: it is no
        longer true.
        """
        if process.channel.fileno() >= 0:
            for message in process.channel.rest() if self.totals is not None else ():
                match message:
                    case ["beat", said]:
                        self.heard_totals(process, said)
                    case ["ready", *_]:
                        process.was_ready = True
            self.selector.unregister(process.channel)
            process.channel.close()

    def forget(self, pid: int) -> Process | None:
        """Clear away what is left of a worker that has ended; ``None`` for another process."""
        process = self.processes.pop(pid, None)
        if process is not None:
            self.hang_up(process)
            if self.totals is not None:
                self.totals.retire(process.name, served=process.was_ready)
            self._clear_away(process)
            if process.on_bus:
                self.share_names()
        return process

    def heard_totals(self, process: Process, totals: object) -> None:
        """Take what a worker has counted; nothing happens where nobody asked for it."""
        if self.totals is not None:
            for words in self.totals.heard(process.name, totals):
                logger.warning("%s", words)

    def rows(self) -> list[dict[str, Any]]:
        """Return how each worker is, for a snapshot."""
        now = self.clock()
        return [
            snapshot.worker(
                slot=each.slot,
                name=each.name,
                pid=each.pid,
                state=each.state.value,
                age=now - each.since,
                beat_age=now - each.beat if each.beat else None,
                totals=None if self.totals is None else self.totals.of(each.name),
            )
            for each in self
        ]

    def _clear_away(self, process: Process) -> None:
        """Remove what an ended worker has left in the directory, if that is there."""
        with suppress(OSError):  # what cannot be removed is in nobody's way
            (self.directory.path / process.name).unlink(missing_ok=True)
            if all(other.slot != process.slot for other in self):
                LoadShare.clear(self.directory.path / LOAD, process.slot)

    def names(self) -> list[str]:
        """Return the names of the workers that are on the bus."""
        return [process.name for process in self.processes.values() if process.on_bus]

    def share_names(self) -> None:
        """Tell every worker on the bus the names of the others."""
        names = self.names()
        for process in self:
            if process.on_bus:
                process.channel.send("peers", names)

    def stop_listening(self) -> None:
        """Close what the master has of the listening sockets; workers have theirs."""
        for sock in [*self.listeners, *([] if self.publish is None else [self.publish])]:
            sock.close()

    def alive(self) -> bool:
        """Whether some worker that is ready has given a sign of life in time."""
        since = self.clock() - self.timeouts.heartbeat
        ready = (each for each in self if each.state is State.READY)
        return any(process.beat >= since for process in ready)

    @staticmethod
    def stand_back(process: Process, back: bool) -> None:  # noqa: FBT001 - as it is said
        """Have a worker leave clients to the others, or no longer, where it understands that."""
        if process.stands_back is not back and "stand_back" in process.understands:
            process.stands_back = back
            process.channel.send("stand_back", back)

    def appointable(self) -> dict[Process, int]:
        """Return the workers that can run what exists once, with their generations."""
        return {
            process: process.generation
            for process in self
            if process.state is State.READY and "appoint" in process.understands
            if not process.leaving and not process.channel.closed
        }

    def leave(self) -> None:
        """Tell the workers that the service stops soon: they say so where they are asked."""
        self.leaving = True
        for process in self:
            self.tell_leaving(process)

    def tell_leaving(self, process: Process) -> None:
        """Tell it to one that is ready and understands it, if it is so."""
        if self.leaving and process.state is State.READY and "leaving" in process.understands:
            process.channel.send("leaving")

    def replace(self, process: Process) -> None:
        """Ask a worker to end whose successor serves."""
        most = self.timeouts.replaced
        if most is not None:
            process.grace = min(process.grace, most)
        self.stop(process)

    def stop(self, process: Process) -> None:
        """Ask a worker to end orderly within its grace."""
        if process.state is State.STARTING or process.channel.closed:
            self.signal(process, Signals.SIGTERM)  # it may be importing, and read nothing
        process.channel.send("stop", process.grace)
        process.state = State.STOPPING
        process.stop_by = self.clock() + process.grace + STOP_TO_KILL

    def stop_now(self, process: Process, budget: float) -> None:
        """Ask a worker to end at once; it has ``budget`` seconds for that."""
        process.channel.send("stop_now")
        process.state = State.STOPPING
        until = self.clock() + budget
        process.stop_by = until if process.stop_by is None else min(until, process.stop_by)

    @staticmethod
    def signal(process: Process, number: Signals) -> None:
        """Send a signal to a worker; as long as it is not reaped, the pid is its own."""
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            pass

    def next_due(self) -> float:
        """Return when :meth:`act` has something to do."""
        return min((self._due(process).when for process in self), default=NEVER)

    def excuse(self, seconds: float) -> None:
        """Put off every deadline: the master has not run for so long, nor have others, maybe."""
        if not seconds:
            return
        for process in self:
            process.since += seconds
            if process.beat:
                process.beat += seconds
            if process.stop_by is not None:
                process.stop_by += seconds
            if process.aborted is not None:
                process.aborted += seconds
            if process.outdated_at is not None:
                process.outdated_at += seconds

    def act(self, now: float | None = None) -> None:
        """Abort or kill whoever was due at ``now``; what they said by then has been read."""
        now = self.clock() if now is None else now
        for process in self:
            due = self._due(process)
            if due.when > now:
                continue
            logger.warning("%s %s: %s", process, due.why, due.number.name)
            self.signal(process, due.number)
            if due.number is Signals.SIGABRT:
                process.aborted = self.clock()
            else:
                process.killed = True

    def _due(self, process: Process) -> Due:
        dues = [Due(NEVER, Signals.SIGKILL, "")]
        if process.killed:
            return dues[0]
        if process.stop_by is not None:
            dues.append(Due(process.stop_by, Signals.SIGKILL, "has not ended in time"))
        if process.aborted is not None:
            dues.append(Due(process.aborted + ABORT_TO_KILL, Signals.SIGKILL, "is still there"))
            return min(dues)
        if process.state is State.STARTING:
            if process.outdated_at is not None:
                outdated = "does not become ready, and its code has changed since"
                dues.append(Due(process.outdated_at, Signals.SIGKILL, outdated))
            late = process.since + self.timeouts.boot
            dues.append(Due(late, Signals.SIGABRT, "has not become ready"))
        if process.beat:
            silent = process.beat + self.timeouts.heartbeat
            dues.append(Due(silent, Signals.SIGABRT, "gives no sign of life"))
        return min(dues)
