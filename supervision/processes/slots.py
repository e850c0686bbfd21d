"""Which worker runs in which slot: restarts, reloads, and one more or one less.

There are as many slots as workers are wanted, numbered from 1. A slot is a permanent child under
the restart plan of any supervisor (one for one), and the worker in it is the child's ref. A reload
goes from slot to slot: the next worker is started beside the one that serves, takes its place when
it is ready, and only then is the old one stopped. So until one has been ready the code that serves
is the code that is known to serve.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

from actors.reasons import NORMAL, Failure
from supervision.plan import Child, Move, Plan
from supervision.processes import MAX_WORKERS
from supervision.processes.fleet import NEVER, Fleet, Process, State
from supervision.processes.spawn import described
from supervision.specs import ChildSpec, Flags

logger = logging.getLogger("roost.master")

USAGE: Final = 2
"""The exit status of a worker that cannot serve the application, and has said why."""

GAVE_UP: Final = 3
"""The exit status after too many restarts."""

RETRY: Final = 2.0
"""Seconds until another attempt where the kernel has no room for a process. So few that within the
restart plan's period they are not too many."""


class Slots:
    """``wanted`` workers of ``fleet``. ``served``: one has been ready."""

    def __init__(self, fleet: Fleet, wanted: int) -> None:
        self.wanted = wanted
        self.served = False
        self.stopping = False
        self.retry_at = NEVER
        self._fleet = fleet
        self._plan = Plan(Flags(intensity=max(3, 2 * wanted)))
        self._to_reload: deque[Child] = deque()
        self._reloading: Process | None = None
        self._missing: set[int] = set()
        """Slots whose worker has ended, and not because it was told to."""

    # -- what is so

    @property
    def complete(self) -> bool:
        """Whether every worker that is wanted is ready."""
        return self.ready_now == self.wanted

    @property
    def ready_now(self) -> int:
        """How many workers serve."""
        children = self._plan.children.values()
        return sum(1 for each in children if each.ref and each.ref.state is State.READY)

    @property
    def reloading(self) -> bool:
        """Whether workers are being replaced."""
        return self._reloading is not None

    # -- what has happened

    def begin(self) -> None:
        """Start the first worker, alone: what is wrong with the application is said once."""
        self._add()

    def ready(self, process: Process) -> None:
        """Learn that a worker serves; the others follow the first."""
        self.served = True
        if process is self._reloading:
            self._reloaded(process)
        if process.slot in self._missing:
            self._missing.remove(process.slot)
            logger.info("%s is back: %d of %s ready", process, self.ready_now, counted(self.wanted))
        while len(self._plan.children) < self.wanted:
            self._add()

    def ended(self, process: Process, status: int) -> int | None:
        """Learn that a worker has ended; answers the exit status if this is the end of all."""
        child = self._plan.children.get(process.slot)
        if process is self._reloading:
            logger.error("the reload is off: %s was to serve", process)
            self._reloading = None
            self._to_reload.clear()
        if self.stopping or child is None or child.ref is not process:
            return None
        if self._reloading is not None and self._reloading.slot == process.slot:
            self._missing.add(process.slot)
            child.runs(self._reloading)  # there is one on the way
            return None
        if status == USAGE and not self.served:
            return USAGE
        if self.served:
            self._missing.add(process.slot)
        return self._restart(child, status)

    def retry(self) -> int | None:
        """Start those that could not be started; answers as :meth:`ended`."""
        self.retry_at = NEVER
        for child in list(self._plan.children.values()):
            if child.restarting and not self.stopping:
                move = self._plan.retried(child, self._now())
                over = self._go_on(child, move)
                if over is not None:
                    return over
        return None

    def _restart(self, child: Child, status: int) -> int | None:
        reason = NORMAL if status == 0 else Failure(described(status))
        return self._go_on(child, self._plan.ended(child, reason, self._now()))

    def _go_on(self, child: Child, move: Move) -> int | None:
        if move is Move.RESTART:
            self._start(child)
            return None
        logger.error("giving up: a worker has been restarted too often")
        return GAVE_UP

    def _now(self) -> float:
        """Answer the restart plan's time, which stands still until one worker has been ready.

        Else a worker that takes long to fail at its start would be restarted for ever.
        """
        return self._fleet.clock() if self.served else 0.0

    # -- what is wanted

    def reload(self) -> None:
        """Replace the workers one by one; one more time when this is going on already."""
        if not self.served:
            logger.info("no worker is ready yet, nothing to replace")
            return
        self._to_reload = deque(self._plan.children.values())
        if self._reloading is None:
            self._reload_next()

    def more(self) -> None:
        """Have one worker more."""
        if not self.served or self.wanted >= MAX_WORKERS:
            logger.info("no more workers: %d are wanted, %d are the most", self.wanted, MAX_WORKERS)
            return
        self.wanted += 1
        self._add()

    def fewer(self) -> None:
        """Have one worker less: the one in the last slot."""
        if self.wanted <= 1:
            logger.info("one worker is the least")
            return
        self.wanted -= 1
        if len(self._plan.children) <= self.wanted:
            return  # the first is not ready, the others have not been started
        slot, child = self._plan.children.popitem()
        if child.ref is not None:
            self._fleet.stop(child.ref)
        if self._reloading is not None and self._reloading.slot == slot:
            replacement, self._reloading = self._reloading, None
            if replacement is not child.ref:
                self._fleet.stop(replacement)
            self._reload_next()

    def stop(self) -> None:
        """Stop every worker."""
        self.stopping = True
        self._reloading = None
        self._to_reload.clear()
        for process in self._fleet:
            if process.state is not State.STOPPING:
                self._fleet.stop(process)

    # -- deeds

    def _add(self) -> None:
        child = Child(ChildSpec(id=len(self._plan.children) + 1, start=self._fleet.start))
        self._plan.add(child)
        self._start(child)

    def _start(self, child: Child) -> None:
        process = self._process(child)
        if process is None:
            child.failed()
            self.retry_at = self._fleet.clock() + RETRY
        else:
            child.runs(process)

    def _process(self, child: Child) -> Process | None:
        try:
            return self._fleet.start(int(str(child.spec.id)))
        except OSError as error:
            logger.error("a worker could not be started: %s", error.strerror)
            return None

    def _reload_next(self) -> None:
        while self._to_reload:
            child = self._to_reload.popleft()
            if child.ref is not None and self._plan.children.get(child.spec.id) is child:
                self._reloading = self._process(child)
                if self._reloading is None:
                    logger.error("the reload is off")
                    self._to_reload.clear()
                return

    def _reloaded(self, process: Process) -> None:
        self._reloading = None
        child = self._plan.children[process.slot]
        old = child.ref
        child.runs(process)
        # None: it is due to be started again; itself: it took over when the old one ended.
        if old is not None and old is not process:
            self._fleet.stop(old)
        self._reload_next()


def counted(workers: int) -> str:
    """Return ``"1 worker is"`` or ``"2 workers are"``."""
    return "1 worker is" if workers == 1 else f"{workers} workers are"
