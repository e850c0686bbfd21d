"""Which worker runs in which slot: restarts, reloads, and one more or one less.

There are as many slots as workers are wanted, numbered from 1. A slot is a permanent child under
the restart plan of any supervisor (one for one), and the worker in it is the child's ref. A reload
goes from slot to slot: the next worker is started beside the one that serves, takes its place when
it is ready, and only then is the old one stopped. So until one has been ready the code that serves
is the code that is known to serve. Nor is another number of workers made true before that.

A reload that is asked for before any worker serves is remembered: the first one is replaced when it
serves, and the others follow the one that takes its place.

Until a worker has served, what fails is the application, or how it was started: the master gives
up. From then on it goes on with the workers that it has: a slot whose worker cannot be started, or
ends too often, is tried again after 1 to 30 s. It gives up when none has served for
``Timeouts.patience`` seconds.

With ``waits``, for ``--reload``, it never gives up: where the first worker does not serve it waits
until it is to reload, as a file may have been saved by then.

Workers that are still to go stand back once a new one serves: a client that leaves one of them must
not land on the next. Where the reload is called off, or no new one is left, they accept as before.
"""

from __future__ import annotations

import logging
import random
from collections import defaultdict, deque
from typing import Final

from supervision.backoff import Backoff
from supervision.plan import Child, Move, Plan
from supervision.processes.bounds import MAX_WORKERS
from supervision.processes.fleet import HASTE, NEVER, Fleet, Process, State
from supervision.processes.reload_told import Reload
from supervision.processes.spawn import GAVE_UP, USAGE, counted, described, reason
from supervision.specs import ChildSpec, Flags

logger = logging.getLogger("roost.master")

RETRY: Final = 2.0
"""Seconds until another attempt where the kernel has no room for a process. So few that within the
restart plan's period they are not too many."""


class Slots:
    """``wanted`` workers of ``fleet``. ``served``: one has been ready.

    ``restarts`` counts the workers that ended and had not been told to. ``waits``: see above.
    """

    def __init__(self, fleet: Fleet, wanted: int, *, waits: bool = False) -> None:
        self.wanted = wanted
        self.asked = wanted
        """How many the settings in force ask for; signals may have made it more, or fewer."""
        self._number: int | None = None
        """How many will be, from when a worker serves that a reload under way has started."""
        self._waits = waits
        self._waiting: Child | None = None
        self._asked_again: str | None = None
        """Who has asked for a reload since the worker that is on its way was started."""
        self.served = False
        self.stopping = False
        self.restarts = 0
        self._retry_at: dict[Child, float] = {}
        self._backoff: dict[int, Backoff] = defaultdict(lambda: Backoff(random.random))
        self._unserved_since: float | None = None
        self._fleet = fleet
        self._plan = Plan(Flags(intensity=max(3, 2 * wanted)))
        self._to_reload: deque[Child] = deque()
        self._reloading: Process | None = None
        self._reload: Reload | None = None
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

    @property
    def retry_at(self) -> float:
        """When :meth:`retry` has something to do."""
        if self.stopping:
            return NEVER
        return min([self._patience_over, *self._retry_at.values()])

    @property
    def _patience_over(self) -> float:
        since = self._unserved_since
        return NEVER if since is None else since + self._fleet.timeouts.patience

    def excuse(self, seconds: float) -> None:
        """Put off the end of the patience: the master has not run for so long."""
        if self._unserved_since is not None:
            self._unserved_since += seconds

    # -- what has happened

    def begin(self) -> None:
        """Start the first worker, alone: what is wrong with the application is said once."""
        self._add()

    def ready(self, process: Process) -> None:
        """Learn that a worker serves; the others follow the first, where that is to stay."""
        first, self.served = not self.served, True
        self._fleet.serving = True
        self._fleet.prove(process)
        self._unserved_since = None
        process.served_from = self._fleet.clock()
        self._renumber(process)
        if process is self._reloading:
            self._reloaded(process)
        if process.slot in self._missing:
            self._missing.remove(process.slot)
            logger.info("%s is back: %d of %s ready", process, self.ready_now, counted(self.wanted))
        if first and self._asked_again is not None:
            self.reload(self._asked_again)
        self._follow()
        self._share_clients()

    def ended(self, process: Process, status: int) -> int | None:
        """Learn that a worker has ended; return the exit status if this is the end of all."""
        again = None
        if process is self._reloading:
            again = None if self.stopping else self._asked_again
            if again is None:
                logger.error("the reload is off: %s was to serve", process)
            self._call_off(f"{process} ended with {described(status)}", again=again is not None)
        over = self._without(process, status)
        if again is not None:
            self.reload(again)
        self._follow()
        self._share_clients()
        return over

    def _without(self, process: Process, status: int) -> int | None:
        """Fill the slot of a worker that has ended; return as :meth:`ended`."""
        child = self._plan.children.get(process.slot)
        if self.stopping or child is None or child.ref is not process:
            return None
        self.restarts += 1
        if self._waits and not self.served:
            self._wait_for_change(child)
            return None
        if self._reloading is not None and self._reloading.slot == process.slot:
            self._missing.add(process.slot)
            child.runs(self._reloading)  # there is one on the way
            self._look_who_serves()
            return None
        if status == USAGE and not self.served:
            return USAGE
        if not self.served:
            return self._restart(child, status)
        self._missing.add(process.slot)
        self._again(child, process, status)
        self._look_who_serves()
        return None

    def _wait_for_change(self, child: Child) -> None:
        """Leave the first worker's slot empty until there is other code."""
        child.failed()
        if self._asked_again is not None:
            self._asked_again = None
            self._start(child)
        else:
            self._waiting = child
            logger.warning("nothing is served: waiting until a file changes")

    def retry(self) -> int | None:
        """Start those that are due; return as :meth:`ended`."""
        now = self._fleet.clock()
        if now >= self._patience_over:
            patience = self._fleet.timeouts.patience
            logger.error("giving up: no worker has served for %g s", patience)
            return GAVE_UP
        for child, when in list(self._retry_at.items()):
            if when > now:
                continue
            del self._retry_at[child]
            if not child.restarting or self._plan.children.get(child.spec.id) is not child:
                continue  # it was started meanwhile, or is not wanted any more
            if self.served:
                self._start(child)
                continue
            over = self._go_on(child, self._plan.retried(child, self._now()))
            if over is not None:
                return over
        return None

    def _again(self, child: Child, process: Process, status: int) -> None:
        """Start a worker for a slot whose last one ended: now, if it had served, and not often."""
        now = self._fleet.clock()
        served = process.served_from is not None
        if served and self._plan.ended(child, reason(status), now) is Move.RESTART:
            self._start(child)
        else:
            ran = now - process.served_from if process.served_from is not None else 0.0
            child.failed()
            self._later(child, ran)

    def _look_who_serves(self) -> None:
        if self.served and self._unserved_since is None and not self.ready_now:
            self._unserved_since = self._fleet.clock()

    def _later(self, child: Child, ran: float = 0.0) -> None:
        wait = self._backoff[slot_of(child)].after(ran)
        self._retry_at[child] = self._fleet.clock() + wait
        logger.warning("the worker in slot %s is tried again in %.1f s", child.spec.id, wait)

    def _restart(self, child: Child, status: int) -> int | None:
        return self._go_on(child, self._plan.ended(child, reason(status), self._now()))

    def _go_on(self, child: Child, move: Move) -> int | None:
        if move is Move.RESTART:
            self._start(child)
            return None
        logger.error("giving up: a worker has been restarted too often")
        return GAVE_UP

    def _now(self) -> float:
        """Return the restart plan's time, which stands still until one worker has been ready.

        Else a worker that takes long to fail at its start would be restarted for ever.
        """
        return self._fleet.clock() if self.served else 0.0

    # -- what is wanted

    def reload(self, trigger: str = "signal", asked: int | None = None) -> None:
        """Replace the workers one by one; one more time when this is going on already.

        That is so too where the worker that is on its way does not serve. ``trigger``: who asks.
        ``asked``: how many workers are wanted; it counts once a new one serves, and where that is
        no other number than the last time, signals may have changed it since.
        """
        if asked is not None:
            self._number = None if asked == self.asked else asked
        if self._waiting is not None:
            child, self._waiting = self._waiting, None
            self._start(child)
            return
        self._fleet.generation += 1
        self._asked_again = None if self.served and self._reloading is None else trigger
        if not self.served:
            boots = next((child.ref for child in self._plan.children.values()), None)
            if boots is None:
                logger.info("no worker has been started yet, nothing to replace")
            else:
                logger.info("no worker is ready yet: %s is replaced when it is", boots)
            return
        self._hasten()
        self._replace(trigger, *self._plan.children.values())

    def changed(self) -> None:
        """Reload: who is on its way has the old code, with which it may never become ready."""
        if self.stopping:
            return
        for process in self._fleet:
            if process is self._reloading or not self.served:
                process.outdated_at = process.outdated_at or self._fleet.clock() + HASTE
        self.reload("files")

    def replace(self, slot: int) -> str | None:
        """Replace the worker of one slot, as a reload does; return why not, in words."""
        child = self._plan.children.get(slot)
        if child is None:
            return f"there is no worker {slot}: they are numbered from 1 to {self.wanted}"
        if self._reloading is not None:
            return "workers are being replaced already"
        if child.ref is None or child.ref.state is not State.READY:
            return f"worker {slot} is not ready"
        self._replace("ops", child)
        return None if self._reloading is not None else "another worker could not be started"

    def _replace(self, trigger: str, *children: Child) -> None:
        self._to_reload = deque(children)
        last = self._fleet.last_reload
        last.begin()
        if self._reloading is None:
            self._reload = Reload(trigger, len(children), self._fleet.clock, last)
            self._reload_next()
        self._share_clients()

    def _hasten(self) -> None:
        """Try those at once that wait for another attempt: what they failed for may be mended."""
        for child in self._retry_at:
            self._retry_at[child] = self._fleet.clock()
            self._backoff[slot_of(child)].reset()

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
        self._share_clients()

    def _renumber(self, process: Process) -> None:
        """Have as many workers as a reload said, if one that it has started serves and stays."""
        number = self._number
        if number is None or process.generation < self._fleet.generation or process.slot > number:
            return
        self.asked, self._number = number, None
        logger.info("%s wanted now; so far it was %d", counted(number), self.wanted)
        for _ in range(self.wanted, number):
            self.more()
        for _ in range(number, self.wanted):
            self.fewer()

    def stop(self) -> None:
        """Stop every worker."""
        self.stopping = True
        if self._reloading is not None:
            self._call_off("the master stops")
        for process in self._fleet:
            if process.state is not State.STOPPING:
                self._fleet.stop(process)

    # -- deeds

    def _add(self) -> None:
        child = Child(ChildSpec(id=len(self._plan.children) + 1, start=self._fleet.start))
        self._plan.add(child)
        self._start(child)

    def _follow(self) -> None:
        """Start those that follow the first; one that is being replaced is not followed yet."""
        if not self.served or self.stopping or self._reloading is not None:
            return
        while len(self._plan.children) < self.wanted:
            self._add()

    def _start(self, child: Child) -> None:
        if not self.served:
            self._asked_again = None  # who is started now has what is new
        process = self._process(child)
        if process is None:
            child.failed()
            if self.served:
                self._later(child)
            else:
                self._retry_at[child] = self._fleet.clock() + RETRY
        else:
            child.runs(process)

    def _process(self, child: Child) -> Process | None:
        try:
            return self._fleet.start(slot_of(child))
        except OSError as error:
            logger.error("a worker could not be started: %s", error.strerror)
            return None

    def _reload_next(self) -> None:
        while self._to_reload:
            child = self._to_reload.popleft()
            if child.ref is not None and self._plan.children.get(child.spec.id) is child:
                self._asked_again = None
                self._reloading = self._process(child)
                if self._reloading is None:
                    logger.error("the reload is off")
                    self._call_off("a worker could not be started")
                    self._share_clients()
                return
        if self._reload is not None:
            self._reload.done()
            self._reload = None

    def _call_off(self, why: str, *, again: bool = False) -> None:
        """Reload no more: who has not been replaced goes on; ``again``: until the next reload."""
        if not again:
            self._fleet.tell_as_before()
            if self._number is not None and not self.stopping:
                logger.error("%s wanted as before, not %d", counted(self.wanted), self._number)
            self._number = None
        self._reloading = None
        self._to_reload.clear()
        if self._reload is not None:
            self._reload.failed(why)
            self._reload = None

    def _reloaded(self, process: Process) -> None:
        self._reloading = None
        child = self._plan.children[process.slot]
        old = child.ref
        child.runs(process)
        self._share_clients()  # before who leaves the old one can come back
        # None: it is due to be started again; itself: it took over when the old one ended.
        if old is not None and old is not process:
            self._fleet.replace(old)
        self._reload_next()

    def _share_clients(self) -> None:
        """Have workers that are to go stand back, where there is one that stays."""
        if self.stopping:
            return
        going = {child.spec.id for child in self._to_reload}
        if self._reloading is not None:
            going.add(self._reloading.slot)
        refs = [child.ref for child in self._plan.children.values()]
        ready = [ref for ref in refs if ref is not None and ref.state is State.READY]
        stays = any(ref.slot not in going for ref in ready)
        for ref in ready:
            self._fleet.stand_back(ref, stays and ref.slot in going)


def slot_of(child: Child) -> int:
    """Return the slot, which is the child's id."""
    return int(str(child.spec.id))
