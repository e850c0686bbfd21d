"""Runs what exists once, in a worker that is appointed, or in a process that is alone.

:class:`Once` does what its :class:`~actors.endpoint.serving.tenure.Tenure` says: it asks for the
lease, starts the children under a supervisor of their own, and ends them before the lease is given
back. :class:`Seat` stands for them in the endpoint's tree: whatever ends the tree ends them.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable
from typing import Final

from actors import telemetry
from actors.endpoint.serving.forwarding import Forwarder
from actors.endpoint.serving.last_resort import LastResort
from actors.endpoint.serving.lease import END_PROCESS_BEFORE, Lease
from actors.endpoint.serving.root import ONCE, Budgeted
from actors.endpoint.serving.tenure import Deed, Tenure
from actors.once_child import hold
from actors.pubsub.cluster import Cluster
from actors.reasons import SHUTDOWN, Reason
from actors.runtime import Actor, monitors
from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.exits import StartError
from actors.runtime.future import Future
from actors.runtime.timers import Timer
from supervision.reports import words
from supervision.specs import ChildSpec

logger = logging.getLogger("roost.endpoint")

UNWINDS: Final = 0.05
"""Seconds after a kill in which what was killed comes out of what it blocked in."""


AFTER_KILL: Final = 0.5
"""Seconds that are left, when what did not end in time was killed, to give the lease back."""

SLOW: Final = 10.0
"""Seconds after which the log says which children have not started; then after twice as long."""

SELDOM: Final = 600.0
"""The longest of these waits."""

ENDS: Final = 0.1
"""Seconds for the end of what only undoes what it has noted."""


def names_of(specs: Iterable[ChildSpec]) -> list[str]:
    """Return the names by which the children are found."""
    return [spec.name for spec in specs if spec.name is not None]


def seconds_of(specs: Iterable[ChildSpec]) -> float:
    """Return how long the children may take to end one after the other; infinity for no bound."""
    return sum(math.inf if spec.shutdown is None else spec.shutdown for spec in specs)


class Once:
    """What exists once, in a worker of a master. ``specs`` have names; ``cluster`` links to others.

    ``lease=None``: it is never appointed. ``on_resigned(gave_up)`` is called, on the loop, when it
    was, and is no more: nothing of ``specs`` runs then. ``on_runs(number)``: all of it runs.
    All methods are for the loop's thread, and do not block.
    """

    def __init__(
        self,
        specs: tuple[ChildSpec, ...],
        lease: Lease | None,
        cluster: Cluster | None = None,
        *,
        on_runs: Callable[[int], object],
        on_resigned: Callable[[bool], object],
    ) -> None:
        self.specs = specs
        self.names = names_of(specs)
        self.forwarder = Forwarder(self.names, cluster)
        self.forwarder.begin()  # the tree's other children may look for it when they start
        self._lease = lease
        self._on_runs = on_runs
        self._on_resigned = on_resigned
        never = math.inf
        given = (never, never, never) if lease is None else _times(lease)
        self._tenure = Tenure(*given)
        self._dispatcher = get_dispatcher()
        self._last_resort = LastResort()
        self._root: Budgeted | None = None
        self._since = 0.0
        self._why = ""
        self._gave_up = self._killed = self._gone = False
        self._timer: Timer | None = None
        self._kill_at: Timer | None = None
        self._slow_at: Timer | None = None
        self._over: list[Future[None]] = []

    @property
    def appointable(self) -> bool:
        """Whether it can be appointed at all."""
        return self._lease is not None

    # -- what the master and the tree say

    def appoint(self) -> None:
        """Run it, as soon as the lease is ours."""
        if self._gone or self._lease is None:
            self._on_resigned(False)
            return
        self._gave_up = False
        self._do(self._tenure.appoint(self._now()))

    def resign(self, why: str = "another worker is to run it") -> None:
        """End it, for another worker to run it."""
        self._why = self._why or why
        self._do(self._tenure.resign())

    def leave(self) -> None:
        """Resign, as this process ends; it takes no further appointment."""
        self._gone = True
        self.resign("this worker ends")

    def kill(self) -> None:
        """End it at once."""
        self._gone = True
        self.resign("this worker ends")
        self._kill()

    def over(self) -> Future[None]:
        """Return what is set when nothing of it runs here."""
        future: Future[None] = Future()
        if self._tenure.runs:
            self._over.append(future)
        else:
            future.set()
        return future

    # -- deeds

    def _now(self) -> float:
        return self._dispatcher.clock()

    def _do(self, deeds: list[Deed]) -> None:
        for deed in deeds:
            _DEEDS[deed](self)
        left = self._tenure.ends - self._now()
        self._last_resort.end_within(left - END_PROCESS_BEFORE)
        if not self._tenure.runs:
            while self._over:
                self._over.pop().set()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._tenure.due()
        if due != math.inf:
            self._timer = self._dispatcher.timers.call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._do(self._tenure.act(self._now()))

    def _acquire(self) -> None:
        def reply(number: int | None) -> None:
            now = self._now()
            tenure = self._tenure
            self._do(tenure.refused(now) if number is None else tenure.granted(number, now))

        if self._lease is not None:  # without one it is never appointed
            self._lease.acquire(reply)

    def _renew(self) -> None:
        def reply(kept: bool | None) -> None:  # noqa: FBT001 - as a lease says it
            if kept is False:
                self._why = "the lease is lost"
            self._do(self._tenure.renewed(kept, self._now()))

        if self._lease is not None:
            self._lease.renew(self._tenure.number, reply)
        self.forwarder.renew()

    def _release(self) -> None:
        if self._lease is not None:
            self._lease.release(self._tenure.number)

    def _resigned(self) -> None:
        self._why = ""
        self._on_resigned(self._gave_up)

    # -- the children

    def _start(self) -> None:
        number = self._tenure.number
        self._why, self._killed, self._since = "", False, self._now()
        hold(number)
        root = self._root = Budgeted(self.specs)
        monitors.at_end(root.actor_inbox, lambda _: self._ended(root))
        self._watch_start(root, SLOW)
        self._dispatcher.submit(lambda: self._begin(root, number))

    def _begin(self, root: Budgeted, number: int) -> None:
        """Start them, on a carrier, as they may block."""
        try:
            root.on_begin()
        except StartError:
            return  # it was reported, and its end is noticed
        if self._root is root and root.exit_reason is None:
            self._runs(number)

    def _watch_start(self, root: Budgeted, wait: float) -> None:
        """Warn where the children have not started in time: one that blocks says nothing."""

        def warn() -> None:
            took = self._now() - self._since
            starting = [str(c.spec.name) for c in root.plan.children.values() if c.stopped]
            first, *behind = starting or self.names  # none: it has had no carrier
            told = f"{first} (behind it: {', '.join(behind)})" if behind else first
            logger.warning("what exists once has not started in %.0f s: %s blocks", took, told)
            self._watch_start(root, min(2 * wait, SELDOM))

        self._slow_at = self._dispatcher.timers.call_later(wait, warn)

    def _watch_no_more(self) -> None:
        if self._slow_at is not None:
            self._slow_at.cancel()
            self._slow_at = None

    def _runs(self, number: int) -> None:
        self._watch_no_more()
        logger.debug("this worker runs what exists once: %s, number %d", self._told, number)
        if not self._why:  # else it is ending already
            self.forwarder.runs(number)
        telemetry.execute("once.appointed", {"number": number}, {"names": self.names})
        self._on_runs(number)

    @property
    def _told(self) -> str:
        return ", ".join(self.names)

    def _stop(self) -> None:
        self._watch_no_more()
        self._why = self._why or "the lease could not be renewed"
        self.forwarder.runs(None)
        root = self._root
        if root is None:
            return
        root.actor_ref.exit(SHUTDOWN)
        seconds = seconds_of(self.specs)
        if seconds != math.inf:
            self._kill_at = self._dispatcher.timers.call_later(seconds, self._overdue)

    def _overdue(self) -> None:
        logger.warning("what exists once did not end in time, and is killed")
        self._kill()

    def _kill(self) -> None:
        self.forwarder.runs(None)
        if self._root is not None:
            self._killed = True
            self._root.kill_now()

    def _ended(self, root: Budgeted) -> None:
        """Learn that the supervisor has ended, and the children with it; must not block."""
        self.forwarder.runs(None)
        self._watch_no_more()
        if self._kill_at is not None:
            self._kill_at.cancel()
            self._kill_at = None
        if not self._why:
            self._why = root.trouble or words(root.exit_reason or SHUTDOWN)
            self._gave_up = True
            logger.error("what exists once gave up here: %s", self._why)
        # Not at once: what was killed unwinds when the loop gets to it.
        wait = UNWINDS if self._killed else 0.0
        self._dispatcher.timers.call_later(wait, self._unwound)

    def _unwound(self) -> None:
        self._root = None
        hold(None)
        number, held = self._tenure.number, self._now() - self._since
        logger.info("what exists once has ended here, number %d: %s", number, self._why)
        measured = {"number": number, "held": held}
        telemetry.execute("once.lost", measured, {"names": self.names, "reason": self._why})
        self._do(self._tenure.ended(self._now()))


_DEEDS: Final[dict[Deed, Callable[[Once], None]]] = {
    Deed.ACQUIRE: Once._acquire,  # noqa: SLF001 - our own, for a table
    Deed.RENEW: Once._renew,  # noqa: SLF001
    Deed.RELEASE: Once._release,  # noqa: SLF001
    Deed.START: Once._start,  # noqa: SLF001
    Deed.STOP: Once._stop,  # noqa: SLF001
    Deed.KILL: Once._kill,  # noqa: SLF001
    Deed.RESIGNED: Once._resigned,  # noqa: SLF001
}


def _times(lease: Lease) -> tuple[float, float, float]:
    return lease.seconds, lease.renew_every, lease.retry


class Seat(Actor):
    """Stands for what exists once in the tree of a worker: it ends no later than this."""

    ends_others = True

    def __init__(self, once: Once, appoint: bool) -> None:  # noqa: FBT001 - a spec has no names
        super().__init__()
        self._once = once
        self._appoint = appoint

    def on_start(self) -> None:
        if self._appoint:
            self._once.appoint()

    def terminate(self, reason: Reason) -> None:
        self._once.leave()
        self._once.over().get()
        self._once.forwarder.end()
        super().terminate(reason)

    def kill_now(self) -> None:
        if self.exit_reason is None:
            self._once.kill()
            self._once.forwarder.end()
        super().kill_now()


def seat(once: Once, *, appoint: bool = False) -> ChildSpec:
    """Return what stands for ``once`` in the endpoint's tree, and may appoint it by itself."""
    total = seconds_of(once.specs)
    shutdown = None if total == math.inf else total + AFTER_KILL
    return ChildSpec(id=ONCE, start=Seat.start, args=(once, appoint), shutdown=shutdown)


class Alone(Actor):
    """Stands before the children of a process that is alone: what exists once is among them."""

    def __init__(self, children: list[str]) -> None:
        super().__init__()
        self._forwarder = Forwarder(children)

    def on_start(self) -> None:
        self._forwarder.begin()
        hold(int(time.time() * 1000))

    def terminate(self, reason: Reason) -> None:
        self._undo()
        super().terminate(reason)

    def kill_now(self) -> None:
        if self.exit_reason is None:
            self._undo()
        super().kill_now()

    def _undo(self) -> None:
        hold(None)
        self._forwarder.end()


def alone(specs: Iterable[ChildSpec]) -> ChildSpec:
    """Return what a process has in its tree where it runs ``specs`` by itself."""
    return ChildSpec(id=ONCE, start=Alone.start, args=(names_of(specs),), shutdown=ENDS)
