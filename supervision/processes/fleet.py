"""The master's book on its worker processes: who runs, since when, and what is due with whom."""

from __future__ import annotations

import enum
import logging
import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from signal import Signals
from typing import Any, Final

from supervision.processes.channel import Channel
from supervision.processes.spawn import spawn

logger = logging.getLogger("roost.master")

ABORT_TO_KILL: Final = 1.0
"""Seconds that a worker has to print its stacks before it is killed."""

STOP_TO_KILL: Final = 1.0
"""Seconds beyond its budget that a stopping worker is waited for."""


class State(enum.Enum):
    """What a process is at."""

    STARTING = "starting"
    READY = "ready"
    STOPPING = "stopping"


@dataclass(slots=True, eq=False)
class Process:
    """One worker; ``slot`` is its place, which outlives it. Times are the master's clock."""

    name: str
    slot: int
    pid: int
    channel: Channel
    since: float
    replaces: Process | None = None
    state: State = State.STARTING
    beat: float = 0.0
    on_bus: bool = False
    stop_by: float | None = None
    aborted: float | None = None

    def __str__(self) -> str:
        return f"worker {self.name} (pid {self.pid})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds: ``heartbeat`` without a sign of life, ``boot`` until a worker is ready."""

    heartbeat: float = 30.0
    boot: float = 60.0


@dataclass(slots=True)
class Fleet:
    """The processes by pid. ``module`` is run with the channel's descriptor and the listeners'."""

    module: str
    listeners: list[socket.socket]
    configure: dict[str, Any]
    timeouts: Timeouts
    clock: Callable[[], float]
    boot_id: str
    processes: dict[int, Process] = field(default_factory=dict)
    _count: int = 0

    def start(self, slot: int, replaces: Process | None = None) -> Process:
        """Start a worker for ``slot``; it is ready when it says so."""
        self._count += 1
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        name = f"{self.boot_id}-{self._count}"
        fds = [sock.fileno() for sock in self.listeners]
        arguments = [str(theirs.fileno()), ",".join(map(str, fds))]
        with theirs:
            pid = spawn(self.module, arguments, [theirs.fileno(), *fds])
        process = Process(name, slot, pid, Channel(ours), self.clock(), replaces)
        self.processes[pid] = process
        options = {**self.configure, "name": name, "number": slot, "peers": self.names()}
        process.channel.send("configure", options)
        logger.debug("started %s", process)
        return process

    def __iter__(self) -> Iterator[Process]:
        return iter(list(self.processes.values()))

    def names(self) -> list[str]:
        """Answer the names of the workers that are on the bus."""
        return [process.name for process in self.processes.values() if process.on_bus]

    def share_names(self) -> None:
        """Tell every worker on the bus who the others are."""
        names = self.names()
        for process in self:
            if process.on_bus:
                process.channel.send("peers", names)

    def stop(self, process: Process, budget: float) -> None:
        """Ask a worker to end orderly within ``budget`` seconds."""
        if process.state is State.STARTING:
            self.signal(process, Signals.SIGTERM)  # it may be importing, and read nothing
        process.channel.send("stop", budget)
        process.state = State.STOPPING
        process.stop_by = self.clock() + budget + STOP_TO_KILL

    def stop_now(self, process: Process, budget: float) -> None:
        """Ask a worker to end at once; it has ``budget`` seconds for that."""
        process.channel.send("stop_now")
        process.state = State.STOPPING
        process.stop_by = self.clock() + budget

    @staticmethod
    def signal(process: Process, number: Signals) -> None:
        """Send a signal to a worker that is still there."""
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            pass

    def next_due(self) -> float | None:
        """Answer when :meth:`act` has something to do, ``None`` for never."""
        return min((self._due(process)[0] for process in self), default=None)

    def act(self) -> None:
        """Abort or kill whoever is due."""
        now = self.clock()
        for process in self:
            due, number, why = self._due(process)
            if due > now:
                continue
            logger.warning("%s %s: %s", process, why, number.name)
            self.signal(process, number)
            if number is Signals.SIGABRT:
                process.aborted = now
            else:
                process.stop_by = process.aborted = now + 3600.0  # once is enough

    def _due(self, process: Process) -> tuple[float, Signals, str]:
        """Answer when what is to be done with ``process``, and why."""
        dues = []
        if process.stop_by is not None:
            dues.append((process.stop_by, Signals.SIGKILL, "has not ended in time"))
        if process.aborted is not None:
            dues.append((process.aborted + ABORT_TO_KILL, Signals.SIGKILL, "is still there"))
        elif process.beat:
            silent = process.beat + self.timeouts.heartbeat
            dues.append((silent, Signals.SIGABRT, "gives no sign of life"))
        elif process.state is State.STARTING:
            late = process.since + self.timeouts.boot
            dues.append((late, Signals.SIGKILL, "has not become ready"))
        return min(dues, default=(float("inf"), Signals.SIGKILL, ""))
