"""The drainer: its termination drains the connections of one class (Phoenix's PoolDrainer).

A drainer is started late, so that it is stopped early, while what it drains is still served. It
does not know how much time its supervisor gives it: it keeps to its own ``shutdown``, and when it
is killed because there was less, it ends its connections at once as well.

Other than in Phoenix, connections are drained and not channels, so that one without a channel is
told too, whatever its transport.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import Any, Final, Protocol

import gevent

from actors import telemetry
from actors.reasons import Reason, Shutdown
from actors.runtime import Actor, Ref, get_dispatcher, registry
from actors.schedule import DRAIN_PART, GRACE, PACED, PATIENT
from supervision.draining import DrainOptions, batches, rounds
from supervision.specs import ChildSpec
from supervision.supervisor import Supervisor

logger = logging.getLogger("roost.supervision")

DRAINED: Final = Shutdown("restart")
"""Why a drained connection ends; WebSocket says 1012."""

DEFAULT_SHUTDOWN: Final = DRAIN_PART * GRACE
"""Seconds, where nobody has said more: half of an endpoint's ``grace``."""


class Drainable(Protocol):
    """What is drained: an actor that can be ended although it is busy."""

    def end_now(self, reason: Reason) -> None:
        """Tell the client, and end at once."""


class Drainer(Actor):
    """``Drainer.start(socket_class, options)`` drains the actors of that class when it ends."""

    ends_others = True

    def __init__(self, socket_class: type[Any], options: DrainOptions) -> None:
        super().__init__()
        self._class = socket_class
        self._options = options
        self._shutdown = options.shutdown or DEFAULT_SHUTDOWN
        self._told: list[Ref[Any]] = []
        self._began: float | None = None
        self._total = self._late = 0

    def terminate(self, reason: Reason) -> None:
        """Tell them batch by batch, wait for their ends, and end those that take too long."""
        clock = self.dispatcher.clock
        began = self._began = clock()
        refs = self._told = live([self._class])
        self._total = len(refs)
        name = self._class.__qualname__
        telemetry.execute("drain.start", {"total": self._total}, {"drainer": name})
        for batch in batches(len(refs), self._options.batch_size):
            self._report(batch.round, batch.stop - batch.start, len(refs) - batch.stop)
            for ref in refs[batch.start : batch.stop]:
                ref.exit(DRAINED)
            if batch.pause:
                paced = began + PACED * self._shutdown - clock()
                gevent.sleep(max(0.0, min(self._options.batch_interval, paced)))
        if not wait_for(refs, began + PATIENT * self._shutdown):
            self._end_late()
        self._tell_stop()
        super().terminate(reason)

    def _report(self, index: int, count: int, left: int) -> None:
        total, name = len(self._told), self._class.__qualname__
        last = rounds(total, self._options.batch_size)
        logger.info(
            "draining %d of %d connections of %s (round %d of %d)", count, total, name, index, last
        )
        telemetry.execute(
            "drain.batch", {"index": index, "count": count, "left": left}, {"drainer": name}
        )

    def kill_now(self) -> None:
        """There is no more time: end the connections that are left, then this actor."""
        self._end_late()
        try:
            super().kill_now()
        finally:
            self._tell_stop()

    def _end_late(self) -> None:
        late = [ref for ref in self._told if ref.exit_reason is None]
        self._told = []
        self._late += len(late)
        if late:
            name = self._class.__qualname__
            logger.warning("ended %d connections of %s that took too long", len(late), name)
        end_now(late, DRAINED)

    def _tell_stop(self) -> None:
        """Tell the end of a drain that has begun, once."""
        began, self._began = self._began, None
        if began is not None:
            duration = self.dispatcher.clock() - began
            telemetry.execute(
                "drain.stop",
                {"duration": duration, "total": self._total, "late": self._late},
                {"drainer": self._class.__qualname__},
            )


class Drainers(Supervisor):
    """Stops its children at the same time: classes of sockets do not wait for each other."""

    ends_others = True

    def stop_children(self) -> None:
        """Stop all of them; one deadline for those that have the same ``shutdown``."""
        self.shutdown_together(self.plan.stop_order())


def drainer_spec(socket_class: type[Any], options: DrainOptions) -> ChildSpec:
    """Return the spec of the drainer of a class of sockets."""
    bounded = replace(options, shutdown=options.shutdown or DEFAULT_SHUTDOWN)
    return ChildSpec(
        id=("drainer", socket_class),
        start=Drainer.start,
        args=(socket_class, bounded),
        shutdown=bounded.shutdown,
    )


def live(classes: Collection[type[Any]]) -> list[Ref[Any]]:
    """Return the live actors of ``classes``, oldest first; not those of their subclasses.

    A class that was reloaded is the one that has its name.
    """
    names = {_name(each) for each in classes}
    return registry.get_where(lambda kind: _name(kind) in names)


def _name(of: type[Any]) -> tuple[str, str]:
    return of.__module__, of.__qualname__


def wait_for(refs: Iterable[Ref[Any]], until: float) -> bool:
    """Wait for the ends of actors, up to ``until`` by the clock; return whether all came."""
    clock = get_dispatcher().clock
    return all(ref.wait(max(0.0, until - clock())) for ref in refs)


def end_now(refs: Iterable[Ref[Any]], reason: Reason) -> None:
    """End connections at once, and tell their clients why."""
    for ref in refs:
        inbox: Any = ref.actor_inbox
        actor: Drainable = inbox.actor
        actor.end_now(reason)
