"""The master: keeps the workers running, and does what signals say (see docs/operations.md).

It restarts workers by the plan and the intensity of any supervisor (one for one, permanent), binds
the listening sockets once and hands them to every worker, so that none of its workers' ends loses a
connection that waits to be accepted.
"""

from __future__ import annotations

import logging
import os
import selectors
import signal
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final

from actors.reasons import NORMAL, Failure
from supervision.plan import Child, Move, Plan
from supervision.processes.fleet import Fleet, Process, State
from supervision.processes.notify import Notifier
from supervision.processes.signals import SignalPipe
from supervision.processes.spawn import reap
from supervision.processes.successor import Successor
from supervision.specs import ChildSpec, Flags

logger = logging.getLogger("roost.master")

USAGE: Final = 2
GAVE_UP: Final = 3
NOW: Final = 1.0
"""Seconds that workers have when they are told to end at once."""


class Master:
    """Runs ``workers`` workers of ``fleet`` until a signal ends it.

    ``arguments`` start a successor (SIGUSR2); ``on_ready(facts)`` is called when the first worker
    is; ``grace`` is the budget of a shutdown in seconds until that worker says its own.
    """

    def __init__(
        self,
        fleet: Fleet,
        workers: int,
        *,
        arguments: Sequence[str],
        grace: float,
        on_ready: Callable[[dict[str, Any]], object],
        reopen: Callable[[], object],
    ) -> None:
        self._fleet = fleet
        self._wanted = workers
        self._grace = grace
        self._on_ready = on_ready
        self._reopen = reopen
        self._plan = Plan(Flags(intensity=max(3, 2 * workers)))
        self._slots = 0
        self._status = 0
        self._stopping = False
        self._served = False
        self._announced = False
        self._to_roll: deque[Child] = deque()
        self._successor = Successor("actors.endpoint", arguments)
        self._selector = selectors.DefaultSelector()
        self._notifier = Notifier(os.environ)
        self._signals = SignalPipe([*_ON_SIGNAL, signal.SIGCHLD])
        self._selector.register(self._signals, selectors.EVENT_READ, None)

    def run(self) -> int:
        """Run to the end; answers the exit status: 0, 2 (usage), 3 (gave up restarting)."""
        self._add_slot()  # alone: what is wrong with the application is said once
        while self._fleet.processes or not self._stopping:
            for key, _ in self._selector.select(self._timeout()):
                if key.data is None:
                    self._handle_signals()
                else:
                    self._hear(key.data)
            self._fleet.act()
            self._notifier.feed(self._fleet.clock())
        self._signals.ignore()
        return self._status

    def _timeout(self) -> float | None:
        dues = [due for due in (self._fleet.next_due(), self._notifier.due) if due is not None]
        return max(0.0, min(min(dues) - self._fleet.clock(), 60.0)) if dues else None

    # -- workers

    def _add_slot(self) -> None:
        self._slots += 1
        child = Child(ChildSpec(id=self._slots, start=self._fleet.start))
        self._plan.add(child)
        self._start(child)

    def _start(self, child: Child, replaces: Process | None = None) -> None:
        process = self._fleet.start(int(str(child.spec.id)), replaces)
        self._selector.register(process.channel, selectors.EVENT_READ, process)
        if replaces is None:
            child.runs(process)

    def _hear(self, process: Process) -> None:
        for message in process.channel.receive():
            process.beat = self._fleet.clock()
            if message[0] == "bus":
                process.on_bus = True
                self._fleet.share_names()
            elif message[0] == "ready":
                self._ready(process, message[1])
        if process.channel.closed:
            self._selector.unregister(process.channel)
            process.channel.close()

    def _ready(self, process: Process, facts: dict[str, Any]) -> None:
        if process.state is not State.STARTING:
            return  # told to stop meanwhile
        process.state = State.READY
        if not self._served:
            self._served = True
            self._grace = float(facts["grace"])
            self._on_ready(facts)
        if process.replaces is not None:
            self._replaced(process, process.replaces)
        while self._slots < self._wanted and not self._stopping:
            self._add_slot()
        everybody = all(child.ref.state is State.READY for child in self._running())
        if everybody and not self._announced:
            self._announced = True
            status = f"serving with {self._slots} workers"
            self._notifier.ready(self._fleet.clock(), status)
            logger.info("%d workers are ready", self._slots)

    def _running(self) -> list[Child]:
        return [child for child in self._plan.children.values() if child.ref is not None]

    def _reap(self) -> None:
        for pid, status in reap():
            process = self._fleet.processes.pop(pid, None)
            if process is not None:
                self._ended(process, status)
            elif self._successor.ended(pid):
                logger.warning("the new master (pid %d) ended with %s", pid, _described(status))

    def _ended(self, process: Process, status: int) -> None:
        if process.on_bus:
            self._fleet.share_names()
        child = self._plan.children.get(process.slot)
        # A worker that is still booting has no orderly end: it is stopped by SIGTERM.
        if process.state is State.STOPPING and status in {0, -signal.SIGTERM}:
            logger.debug("%s has ended", process)
        elif self._served or status != USAGE:  # else it has said itself what is wrong
            logger.warning("%s ended with %s", process, _described(status))
        if child is not None and child.ref is process and not self._stopping:
            self._lost(child, process, status)
        elif process.replaces is not None and process.state is State.STARTING:
            logger.error("the reload is off: %s", process)
            self._to_roll.clear()

    def _lost(self, child: Child, process: Process, status: int) -> None:
        """A worker that should run does not."""
        if not self._served and status == USAGE:
            self._end(USAGE)  # it has said why
            return
        reason = NORMAL if status == 0 else Failure(status)
        move = self._plan.ended(child, reason, self._fleet.clock())
        if move is Move.RESTART:
            self._start(child)
        else:
            logger.error("giving up: %s was the last of too many restarts", process)
            self._end(GAVE_UP)

    # -- the end

    def _end(self, status: int) -> None:
        self._status = status
        self._stop()

    def _stop(self) -> None:
        """Have every worker drain."""
        if self._stopping:
            logger.info("stopping already")
            return
        self._stopping = True
        self._to_roll.clear()
        micros = int((self._grace + NOW) * 1e6)
        self._notifier.send("STOPPING=1", f"EXTEND_TIMEOUT_USEC={micros}")
        for sock in self._fleet.listeners:
            sock.close()
        for process in self._fleet:
            self._fleet.stop(process, self._grace)

    def _stop_now(self) -> None:
        """End at once."""
        self._stop()
        for process in self._fleet:
            self._fleet.stop_now(process, NOW)

    # -- signals

    def _handle_signals(self) -> None:
        for number in self._signals.take():
            if number is signal.SIGCHLD:
                self._reap()
            else:
                logger.info("%s", number.name)
                _ON_SIGNAL[number](self)

    def _interrupted(self) -> None:
        (self._stop_now if self._stopping else self._stop)()

    def _roll(self) -> None:
        """Replace the workers one by one, each when its successor is ready."""
        if self._stopping or not self._served:
            return
        rolling = bool(self._to_roll)
        self._to_roll = deque(self._running())
        if not rolling:
            self._roll_next()

    def _roll_next(self) -> None:
        while self._to_roll:
            child = self._to_roll[0]
            if child.ref is not None and self._plan.children.get(child.spec.id) is child:
                self._start(child, child.ref)
                return
            self._to_roll.popleft()

    def _replaced(self, process: Process, old: Process) -> None:
        child = self._plan.children.get(process.slot)
        if child is None:  # fewer workers are wanted by now
            self._fleet.stop(process, self._grace)
        else:
            child.runs(process)
        process.replaces = None
        if old.pid in self._fleet.processes:
            self._fleet.stop(old, self._grace)
        if self._to_roll:
            self._to_roll.popleft()
        self._roll_next()

    def _more(self) -> None:
        if self._served and not self._stopping:
            self._wanted += 1
            self._add_slot()

    def _fewer(self) -> None:
        if self._wanted <= 1 or self._stopping:
            logger.info("one worker is the least")
            return
        self._wanted -= 1
        slot, child = self._plan.children.popitem()
        self._slots = int(str(slot)) - 1
        if child.ref is not None:
            self._fleet.stop(child.ref, self._grace)

    def _dump(self) -> None:
        """Have logs reopened and stacks printed."""
        self._reopen()
        for process in self._fleet:
            process.channel.send("reopen")
            process.channel.send("stacks")

    def _succeed(self) -> None:
        if not self._stopping:
            self._successor.start(self._fleet.listeners)


_ON_SIGNAL: Final[dict[signal.Signals, Callable[[Master], object]]] = {
    signal.SIGINT: Master._interrupted,  # noqa: SLF001 - our own, for a table
    signal.SIGQUIT: Master._stop_now,  # noqa: SLF001
    signal.SIGTERM: Master._stop,  # noqa: SLF001
    signal.SIGHUP: Master._roll,  # noqa: SLF001
    signal.SIGTTIN: Master._more,  # noqa: SLF001
    signal.SIGTTOU: Master._fewer,  # noqa: SLF001
    signal.SIGUSR1: Master._dump,  # noqa: SLF001
    signal.SIGUSR2: Master._succeed,  # noqa: SLF001
    signal.SIGWINCH: lambda _: None,
    signal.SIGPIPE: lambda _: None,
}


def _described(status: int) -> str:
    return f"status {status}" if status >= 0 else f"signal {signal.Signals(-status).name}"
