"""The master: keeps the workers running, and does what signals say (see docs/operations.md).

It binds the listening sockets once and hands them to every worker, so that no worker's end loses a
connection that waits to be accepted. One thread runs one loop that blocks nowhere but in its
selector: signals come as bytes in a pipe, workers' messages by channels that both sides buffer, and
what is due next says for how long. Which worker is started and stopped when is decided in
:class:`~supervision.processes.slots.Slots`.
"""

from __future__ import annotations

import logging
import os
import random
import selectors
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from actors import telemetry
from actors.schedule import MASTER_AT_ONCE
from supervision.processes.announcer import Announcer
from supervision.processes.appointment import Appointment
from supervision.processes.ending import Ending
from supervision.processes.fleet import NEVER, Fleet, Process, State
from supervision.processes.lateness import Lateness
from supervision.processes.notify import Notifier
from supervision.processes.ops_desk import OpsDesk, Orders
from supervision.processes.ops_slot import OpsSlot
from supervision.processes.signals import SignalPipe
from supervision.processes.slots import Slots
from supervision.processes.snapshot import snapshot
from supervision.processes.spawn import USAGE, described, reap
from supervision.processes.successor import Successor
from supervision.processes.usage import used
from supervision.processes.watcher_slot import WatcherSlot

logger = logging.getLogger("roost.master")

KILLED: Final = 1
"""The exit status where a worker had to be killed at the stop."""


class Master:
    """Runs ``workers`` workers of ``fleet`` until a signal of ``signals`` ends it.

    ``arguments`` start a successor (SIGUSR2); ``on_ready(facts)`` is called when the first worker
    is; ``on_reload()`` before workers are replaced, and returns how many of them the settings want;
    ``reopen()`` when logs are to be opened anew; ``on_alone(pid)`` when the successor with that
    process id has ended and we go on. ``predecessor`` is the process id of the master whose
    successor we are. ``ops`` is the slot of the ops process. Changes in ``watched`` are reloads.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        fleet: Fleet,
        workers: int,
        *,
        signals: SignalPipe,
        arguments: Sequence[str],
        on_ready: Callable[[dict[str, Any]], object],
        on_reload: Callable[[], int],
        reopen: Callable[[], object],
        on_alone: Callable[[int], object],
        predecessor: int | None = None,
        ops: OpsSlot | None = None,
        watched: Sequence[str] = (),
    ) -> None:
        self._fleet = fleet
        self._slots = Slots(fleet, workers, waits=bool(watched))
        self._appointment: Appointment[Process] = Appointment(random.random)
        self._on_ready = on_ready
        self._on_reload = on_reload
        self._reopen = reopen
        self._on_alone = on_alone
        self._predecessor = predecessor
        self._status = 0
        self._ending = Ending(fleet)
        self._successor = Successor("actors.endpoint", arguments)
        self._announcer = Announcer(Notifier(os.environ), self._slots)
        self._signals = signals
        self._lateness = Lateness(fleet.clock(), fleet.timeouts.heartbeat)
        fleet.selector.register(signals, selectors.EVENT_READ, self._handle_signals)
        self._ops = ops or OpsSlot(None, fleet.selector, fleet.clock, dict)
        self._desk = OpsDesk(
            self._ops, fleet, self._slots, self._ending,
            Orders(self.snapshot, lambda: self._reload("ops"), self._terminated),
        )  # fmt: skip
        self._watcher = WatcherSlot(watched, fleet.selector, fleet.clock, self._slots.changed)

    def run(self) -> int:
        """Run to the end; return the exit status.

        0, 1 (a worker had to be killed at the stop), 2 (usage) or 3 (gave up).
        """
        self._handle_signals()  # those that came before there was anybody to stop
        if not self._ending.draining:
            self._desk.begin()
            self._watcher.begin()
            self._slots.begin()
        while self._fleet.processes or not self._ending.draining:
            self._round()
        self._desk.end()  # last, so that the end of the workers can be watched
        while self._ops.running:
            self._round()
        self._fleet.selector.close()
        if self._slots.served:  # else what was wrong has been said
            logger.info("ended, exit status %d", self._status)
        return self._status

    def _round(self) -> None:
        """Wait for what happens next, hear everybody, then judge.

        Nobody is judged by time that the master missed, nor before it has read what they said: the
        deadlines that count are those of the moment at which it began to read.
        """
        self._fleet.watch()
        self._ops.watch()
        events = self._fleet.selector.select(self._timeout())
        now = self._fleet.clock()
        late = self._lateness.looked(now)
        self._fleet.excuse(late)  # before anybody is heard: that is later
        self._slots.excuse(late)
        self._ops.excuse(late)
        self._watcher.excuse(late)
        self._hear(events)
        if min(self._fleet.next_due(), self._ops.next_due()) <= now:
            self._hear(self._fleet.selector.select(0))  # as a signal ends a wait before it has seen
        self._fleet.act(now)
        self._ops.act(now)
        self._watcher.act(now)
        if self._slots.retry_at <= self._fleet.clock():
            self._end_with(self._slots.retry())
        if self._ending.drain_at <= self._fleet.clock():
            self._stop()
        self._appoint()
        self._announce()
        self._desk.tell_health()

    def _hear(self, ready: list[tuple[selectors.SelectorKey, int]]) -> None:
        for key, events in ready:
            if isinstance(key.data, Process):
                self._serve(key.data, events)
            else:
                key.data(events)

    def _timeout(self) -> float | None:
        watchdog = self._announcer.notifier.due
        wake = self._lateness.wake(min(self._fleet.next_due(), self._ops.next_due()))
        retry = min(self._slots.retry_at, self._appointment.retry_at, self._watcher.next_due())
        due = min(wake, retry, self._desk.due, self._ending.drain_at, watchdog or NEVER)
        return None if due == NEVER else max(0.0, due - self._fleet.clock())

    # -- workers

    def _serve(self, process: Process, events: int) -> None:
        """Hear a worker, and send what has not found room before."""
        if process.channel.closed:
            return  # an earlier event of this round was its end
        if events & selectors.EVENT_WRITE:
            process.channel.flush()
        if events & selectors.EVENT_READ:
            for message in process.channel.receive():
                process.beat = self._fleet.clock()
                self._heard(process, message)
        if process.channel.closed:
            self._fleet.hang_up(process)

    def _heard(self, process: Process, message: list[Any]) -> None:
        match message:
            case ["beat"]:
                pass
            case ["beat", totals]:
                self._fleet.heard_totals(process, totals)
            case ["stopping"]:
                process.leaving = True
            case ["runs", int() as number]:
                logger.info("%s runs what exists once, number %d", process, number)
            case ["resigned", bool() as gave_up]:
                now = self._fleet.clock()
                if self._appointment.resigned(process, now, gave_up=gave_up):
                    self._tell_retry("it gave up in the worker that was appointed,", now)
            case ["bus"]:
                process.on_bus = True
                self._fleet.share_names()
            case ["ready", {"grace": int() | float()} as facts]:
                process.serves(facts)
                if process.state is State.STARTING:  # else it has been told to stop meanwhile
                    process.state = State.READY
                    self._ready(process, facts)
            case _:
                logger.warning("%s said what nobody understands: %.100r", process, message)

    def _ready(self, process: Process, facts: dict[str, Any]) -> None:
        boot = self._fleet.clock() - process.since
        about = {"slot": process.slot, "name": process.name, "pid": process.pid}
        telemetry.execute("worker.ready", {"boot": boot}, about)
        if not self._slots.served:
            self._on_ready(facts)
        self._slots.ready(process)
        self._fleet.tell_leaving(process)

    def _appoint(self) -> None:
        """Have one worker run what exists once; none is told anything new at the stop."""
        now = self._fleet.clock()
        while not self._ending.draining and (
            told := self._appointment.decide(self._fleet.appointable(), now)
        ):
            order, process = told
            logger.debug("%s: %s", process, order.value)
            process.channel.send(order.value)

    def _tell_retry(self, why: str, now: float) -> None:
        if not self._ending.draining:
            appointment = self._appointment
            wait, ran = appointment.retry_at - now, now - appointment.since
            words = "what exists once is tried again in %.1f s: %s after %.1f s"
            logger.warning(words, wait, why, ran)

    def _announce(self) -> None:
        """Tell the service manager what has become so."""
        now = self._fleet.clock()
        if not self._ending.begun and self._announcer.announce(now):
            self._desk.serves()
        alive = self._ending.draining or self._fleet.alive()
        self._announcer.notifier.feed(now, alive=alive)

    def _reap(self) -> None:
        for pid, status in reap():
            process = self._fleet.forget(pid)
            if process is not None:
                self._ended(process, status)
            elif self._ops.ended(pid, status) or self._watcher.ended(pid, status):
                pass
            elif self._successor.ended(pid):
                if not self._ending.draining:
                    self._on_alone(pid)
                logger.warning("the new master (pid %d) ended with %s", pid, described(status))
            else:
                logger.debug("reaped process %d, which is none of ours", pid)

    def _ended(self, process: Process, status: int) -> None:
        now = self._fleet.clock()
        if self._appointment.reaped(process, now):
            self._tell_retry("the worker that was appointed ended", now)
        if self._ending.draining and (process.killed or process.aborted is not None):
            self._status = self._status or KILLED
        # A worker that is still booting has no orderly end: it is stopped by SIGTERM.
        if process.state is State.STOPPING and status in {0, -signal.SIGTERM}:
            logger.debug("%s has ended", process)
        elif self._slots.served or status != USAGE:  # else it has said itself what is wrong
            memory = status == -signal.SIGKILL and not process.killed
            hint = ", which we did not send: was memory short?" if memory else ""
            logger.warning("%s ended with %s%s", process, described(status), hint)
        telemetry.execute(
            "worker.ended",
            {"duration": now - process.since},
            {
                "slot": process.slot,
                "name": process.name,
                "pid": process.pid,
                "status": described(status),
            },
        )
        self._end_with(self._slots.ended(process, status))

    # -- what others may see

    def snapshot(self) -> dict[str, Any]:
        """Return how the service is; see :mod:`supervision.processes.snapshot`."""
        slots, totals = self._slots, self._fleet.totals
        return snapshot(
            at=time.time(),
            state=self._ending.stage(served=slots.served),
            ready=slots.ready_now,
            wanted=slots.wanted,
            served=slots.served,
            reloading=slots.reloading,
            reload=self._fleet.last_reload.plain(),
            workers=self._fleet.rows(),
            retired={} if totals is None else totals.retired(),
            restarts=slots.restarts,
            missed=0 if totals is None else totals.missed,
            master={"pid": os.getpid(), **used()},
        )

    # -- the end

    def _end_with(self, status: int | None) -> None:
        if status is not None:
            self._status = status
            self._stop()

    def _terminated(self) -> None:
        """Stop; where the service ends with us and has a lame duck, say so first, and serve on."""
        seconds = self._fleet.timeouts.lame_duck
        if self._ending.begun or not seconds or not self._slots.served or not self.alone:
            self._stop()
            return
        logger.info("not ready any more; the drain begins in %g s", seconds)
        self._ending.wait(seconds)
        self._desk.stops()
        self._tell_stopping()

    def _stop(self) -> None:
        """Have every worker drain."""
        if self._ending.draining:
            logger.info("stopping already")
            return
        self._ending.drain()
        self._desk.stops()
        self._tell_stopping()
        self._watcher.end()
        self._fleet.stop_listening()
        self._slots.stop()

    @property
    def alone(self) -> bool:
        """Whether no other master serves with us, whose successor or predecessor we are."""
        return self._successor.pid is None and self._predecessor != os.getppid()

    def _tell_stopping(self) -> None:
        seconds = self._ending.seconds()
        self._announcer.stopping(seconds, self._successor.pid, alone=self.alone)

    def _stop_now(self) -> None:
        """End at once."""
        if not self._ending.draining:
            self._stop()
        for process in self._fleet:
            self._fleet.stop_now(process, MASTER_AT_ONCE)

    # -- signals

    def _handle_signals(self, events: int = selectors.EVENT_READ) -> None:  # noqa: ARG002
        for number in self._signals.take():
            if number is signal.SIGCHLD:
                self._reap()
            elif number is not signal.SIGPIPE:  # of our log, maybe: a line would cause the next one
                logger.info("%s", number.name)
                _ON_SIGNAL[number](self)

    def _interrupted(self) -> None:
        (self._stop_now if self._ending.draining else self._stop)()

    def _reload(self, trigger: str = "signal") -> None:
        if self._ending.begun:
            logger.warning("nothing is reloaded: this master is stopping")
            return
        self._slots.reload(trigger, self._on_reload())
        self._ops.replace()

    def _add_worker(self) -> None:
        if not self._ending.begun:
            self._slots.more()

    def _remove_worker(self) -> None:
        if not self._ending.begun:
            self._slots.fewer()

    def _reopen_and_dump(self) -> None:
        """Have logs reopened and stacks printed."""
        self._reopen()
        for process in self._fleet:
            process.channel.send("reopen")
            process.channel.send("stacks")
        self._ops.tell("reopen")
        self._ops.tell("stacks")

    def _start_successor(self) -> None:
        stage = self._ending.stage(served=self._slots.served)
        if stage != "serving":
            logger.warning("no new master is started: this one is %s", stage)
            return
        if self._successor.refused():
            return
        ops = self._desk.hand_over()
        self._successor.start(self._fleet.listeners, self._fleet.publish, ops or ())
        if ops is not None:
            ops[1].close()


_ON_SIGNAL: Final[dict[signal.Signals, Callable[[Master], object]]] = {
    signal.SIGINT: Master._interrupted,  # noqa: SLF001 - our own, for a table
    signal.SIGQUIT: Master._stop_now,  # noqa: SLF001
    signal.SIGTERM: Master._terminated,  # noqa: SLF001
    signal.SIGHUP: Master._reload,  # noqa: SLF001
    signal.SIGTTIN: Master._add_worker,  # noqa: SLF001
    signal.SIGTTOU: Master._remove_worker,  # noqa: SLF001
    signal.SIGUSR1: Master._reopen_and_dump,  # noqa: SLF001
    signal.SIGUSR2: Master._start_successor,  # noqa: SLF001
    signal.SIGWINCH: lambda _: None,
    signal.SIGPIPE: lambda _: None,
}

SIGNALS: Final = (*_ON_SIGNAL, signal.SIGCHLD)
"""What a :class:`SignalPipe` must be made for."""
