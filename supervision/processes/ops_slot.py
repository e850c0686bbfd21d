"""The ops process of a master: started, watched over, replaced, and nobody else's trouble.

It answers health and metrics (:mod:`actors.endpoint.ops`). Its slot is not one of the workers':
how often it ends counts for nothing, and it never ends the service. One that ends is started again
after 0.1, 0.2 ... 5 s; one that gives no sign of life for :data:`SILENCE` seconds is killed. The
listening socket is the master's, so whoever connects meanwhile waits.
"""

from __future__ import annotations

import logging
import os
import random
import selectors
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from signal import Signals
from typing import Any, Final

from actors.schedule import OPS_ENDS
from supervision.backoff import Backoff
from supervision.processes.channel import Channel
from supervision.processes.fleet import NEVER
from supervision.processes.launch import launch
from supervision.processes.spawn import described

logger = logging.getLogger("roost.master")

MODULE: Final = "actors.endpoint.ops"

SILENCE: Final = 3.0
"""Seconds without a sign of life after which it is killed."""

BOOT: Final = 20.0
"""Seconds until it must be ready."""

FIRST: Final = 0.1
LONGEST: Final = 5.0
"""Seconds until one that has ended is started again: at first, and at most."""

Reply = Callable[..., object]
"""Sends a message to the process that is answered."""


@dataclass(slots=True, eq=False)
class Run:
    """One ops process. ``beat``: its last sign of life. ``stop_by``: it was told to end."""

    pid: int
    channel: Channel
    since: float
    beat: float
    ready: bool = False
    stop_by: float | None = None
    killed: bool = False
    watched: int = selectors.EVENT_READ

    def __str__(self) -> str:
        return f"the ops process (pid {self.pid})"

    def due(self) -> tuple[float, str]:
        """Return when it is to be killed, and why."""
        if self.killed:
            return NEVER, ""
        if self.stop_by is not None:
            return self.stop_by, "has not ended in time"
        if not self.ready:
            return self.since + BOOT, "has not become ready"
        return self.beat + SILENCE, "gives no sign of life"


class OpsSlot:
    """At most one process that serves on ``listener``, and one that follows it.

    ``listener=None``: never one. ``options()`` returns what one is told at its start. ``older`` is
    our end of the channel to the master that has the port until we serve.
    ``on_message(message, reply)`` hears what is not for the slot, ``on_ready()`` that one answers.
    Each selector's key has a callable as its data: it is to be called with the events.
    """

    def __init__(
        self,
        listener: socket.socket | None,
        selector: selectors.BaseSelector,
        clock: Callable[[], float],
        options: Callable[[], dict[str, Any]],
        older: socket.socket | None = None,
    ) -> None:
        self.listener = listener
        self.older = older
        self.on_message: Callable[[list[Any], Reply], object] = lambda _, __: None
        self.on_ready: Callable[[], object] = lambda: None
        self._selector = selector
        self._clock = clock
        self._options = options
        self._runs: dict[int, Run] = {}
        self._backoff = Backoff(random.random, first=FIRST, longest=LONGEST)
        self._wanted = False
        self._again = False
        self._retry_at = NEVER
        self._health: dict[str, Any] | None = None
        self.min_ready = 1
        """Workers that the newest process wants ready for ``/readyz``."""

    def __iter__(self) -> Iterator[Run]:
        return iter(list(self._runs.values()))

    @property
    def running(self) -> bool:
        """Whether a process is there."""
        return bool(self._runs)

    # -- what is wanted

    def begin(self) -> None:
        """Have one from now on."""
        if self.listener is not None and not self._wanted:
            self._wanted = True
            self._backoff.reset()
            self._start()

    def replace(self) -> None:
        """Have one of the code on disk; the one that serves ends when the new one is ready."""
        if not self._wanted:
            return
        if any(not run.ready for run in self):
            self._again = True  # it may have read the old code
        else:
            self._backoff.reset()
            self._start()

    def end(self) -> None:
        """Have none any more; those that are there have :data:`~actors.schedule.OPS_ENDS` s."""
        self._wanted = self._again = False
        self._retry_at = NEVER
        for run in self:
            self._stop(run)

    def tell(self, *message: Any) -> None:
        """Send a message to each process that reads what it is sent."""
        for run in self:
            if not run.channel.unsent:
                run.channel.send(*message)

    def tell_health(self, state: dict[str, Any]) -> None:
        """Send how the service is; who starts later is told too."""
        self._health = state
        self.tell("health", state)

    # -- what the master's loop asks

    def next_due(self) -> float:
        """Return when :meth:`act` has something to do."""
        return min([self._retry_at, *(run.due()[0] for run in self._runs.values())])

    def act(self, now: float) -> None:
        """Start and kill what was due at ``now``; what they said by then has been read."""
        for run in self:
            when, why = run.due()
            if when <= now:
                logger.warning("%s %s: SIGKILL", run, why)
                run.killed = True
                _signal(run, Signals.SIGKILL)
        if self._retry_at <= now:
            self._start()

    def excuse(self, seconds: float) -> None:
        """Put off every deadline: the master has not run for so long."""
        for run in self:
            run.since += seconds
            run.beat += seconds
            if run.stop_by is not None:
                run.stop_by += seconds

    def watch(self) -> None:
        """Have the selector wait for room in the channels that have some to send."""
        for run in self:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if run.channel.unsent else 0)
            if wanted != run.watched and not run.channel.closed:
                run.watched = wanted
                self._selector.modify(run.channel, wanted, partial(self._serve, run))

    def ended(self, pid: int, status: int) -> bool:
        """Learn that a process has ended; return whether it was one of this slot."""
        run = self._runs.pop(pid, None)
        if run is None:
            return False
        self._hang_up(run)
        if run.stop_by is not None:
            logger.debug("%s has ended", run)
            return True
        logger.warning("%s ended with %s", run, described(status))
        if any(other.stop_by is None for other in self):
            return True  # one that serves, or is to
        if self._wanted:
            self._later(self._clock() - run.since)
        return True

    # -- one process

    def _start(self) -> None:
        self._retry_at = NEVER
        if self.listener is None:
            return
        try:
            pid, channel = launch(MODULE, [self.listener], large=True)
        except OSError as error:
            logger.error("the ops process could not be started: %s", error.strerror)
            self._later(0.0)
            return
        now = self._clock()
        run = self._runs[pid] = Run(pid, channel, now, now)
        self._selector.register(channel, run.watched, partial(self._serve, run))
        options = self._options()
        self.min_ready = options.get("min_ready", 1)
        channel.send("configure", {**options, "heartbeat": SILENCE})
        if self._health is not None:
            channel.send("health", self._health)
        logger.debug("started %s", run)

    def _later(self, ran: float) -> None:
        wait = self._backoff.after(ran)
        self._retry_at = self._clock() + wait
        logger.info("the ops process is started again in %.1f s; clients do not notice", wait)

    def _serve(self, run: Run, events: int) -> None:
        if run.channel.closed:
            return
        if events & selectors.EVENT_WRITE:
            run.channel.flush()
        if events & selectors.EVENT_READ:
            for message in run.channel.receive():
                run.beat = self._clock()
                self._heard(run, message)
        if run.channel.closed:
            self._hang_up(run)

    def _heard(self, run: Run, message: list[Any]) -> None:
        match message:
            case ["beat", *_]:
                pass
            case ["ready", *_] if not run.ready:
                run.ready = True
                logger.info("%s answers", run)
                self._replaced_by(run)
            case ["snapshot"] if run.channel.unsent:
                pass  # it has not read what it was sent before
            case _:
                self.on_message(message, run.channel.send)

    def _replaced_by(self, run: Run) -> None:
        for other in self:
            if other is not run and other.stop_by is None:
                self._stop(other)
        if run.stop_by is not None:
            return
        self.on_ready()
        if self._again:
            self._again = False
            self._start()

    def _stop(self, run: Run) -> None:
        if run.stop_by is None:
            run.stop_by = self._clock() + OPS_ENDS
            run.channel.send("stop", OPS_ENDS)
            if not run.ready:
                _signal(run, Signals.SIGTERM)  # it may be importing, and read nothing

    def _hang_up(self, run: Run) -> None:
        if run.channel.fileno() >= 0:
            self._selector.unregister(run.channel)
            run.channel.close()


def _signal(run: Run, number: Signals) -> None:
    try:
        os.kill(run.pid, number)  # as long as it is not reaped, the pid is its own
    except ProcessLookupError:
        pass
