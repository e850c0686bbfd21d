"""Who stops, who starts, in which order: a supervisor's decisions without its deeds.

Theory of operation
-------------------
A :class:`Plan` is the table of a supervisor's children in start order. Whoever drives it reports
what happened and does what it says; nothing here starts, stops or waits, so actors and processes
have one plan. A child is in one of three states: it runs (``ref`` is set), it is ``restarting``
(its start failed, and another attempt is due), or neither.

::

    ended, retried  ->  STAY | RESTART | SHUTDOWN | GIVE_UP
    RESTART         ->  casualties: stop these, newest first, then start those, oldest first;
                        the first that does not start is marked ``failed``: later, retry it
    SHUTDOWN        ->  the supervisor ends: a significant child has (auto_shutdown)
    GIVE_UP         ->  the supervisor ends: too many restarts (intensity)

The rules are those of OTP's supervisor(3); the names too.
"""

from __future__ import annotations

import enum
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from actors.reasons import KILLED, SHUTDOWN, Reason
from supervision.intensity import Intensity
from supervision.specs import ChildSpec, Flags

RESTARTING: Final = "restarting"
"""What is shown in place of a ref while another attempt to start is due."""


class Move(enum.Enum):
    """What an event asks the supervisor to do."""

    STAY = "stay"
    RESTART = "restart"
    SHUTDOWN = "shutdown"
    GIVE_UP = "give up"


@dataclass(slots=True, eq=False)
class Child:
    """One entry. ``info`` is what the start function gave beside the ref.

    ``holder`` has the name of the spec, from the start of the child to its end. ``reason`` is why
    it ended, or did not start, the last time.
    """

    spec: ChildSpec
    ref: Any = None
    info: Any = None
    restarting: bool = False
    monitor: int = 0
    holder: Any = None
    reason: Reason | None = None

    @property
    def stopped(self) -> bool:
        """Whether it neither runs nor is about to."""
        return self.ref is None and not self.restarting

    def runs(self, ref: Any, info: Any = None) -> None:
        """Note that it was started; ``ref`` is ``None`` where the start function ignored."""
        self.ref, self.info, self.restarting = ref, info, False

    def ended(self) -> None:
        """Note that it does not run, nor will by itself."""
        self.ref, self.info, self.restarting = None, None, False

    def failed(self, reason: Reason | None = None) -> None:
        """Note that its restart failed, for ``reason``, and is to be tried again."""
        self.reason = reason
        self.ref, self.info, self.restarting = None, None, True


class ChildInfo(NamedTuple):
    """A child as ``which_children`` shows it.

    ``ref`` is ``None`` when the child is stopped, :data:`RESTARTING` while it is restarted; ``id``
    is ``None`` under a dynamic supervisor.
    """

    id: Hashable
    ref: Any
    type: str
    info: Any = None


class Counts(NamedTuple):
    """How many ``specs`` there are, how many children run, and how many are of which type."""

    specs: int
    active: int
    supervisors: int
    workers: int


class Casualties(NamedTuple):
    """The children to stop, in this order, and then those to start, in that one."""

    stop: list[Child]
    start: list[Child]


class Plan:
    """The children of one supervisor, by id, in start order."""

    def __init__(self, flags: Flags, specs: Iterable[ChildSpec] = ()) -> None:
        self.flags = flags
        self.intensity = Intensity(flags.intensity, flags.period)
        self.children = {spec.id: Child(spec) for spec in specs}

    def add(self, child: Child) -> None:
        """Keep a child that was started; a temporary one needs its arguments no more."""
        child.spec = kept(child.spec)
        self.children[child.spec.id] = child

    def drop(self, child: Child) -> None:
        """Forget a temporary child; note of any other that it is stopped."""
        child.ended()
        if child.spec.restart == "temporary":
            del self.children[child.spec.id]

    def ended(self, child: Child, reason: Reason, now: float) -> Move:
        """Decide about a child that ended by itself, for ``reason``, at ``now`` seconds."""
        if restarts(child.spec, reason):
            child.ref = None
            return self.retried(child, now)
        self.drop(child)
        return Move.SHUTDOWN if self._heeds(child) else Move.STAY

    def retried(self, child: Child, now: float) -> Move:
        """Decide about an attempt, at ``now`` seconds, to start ``child`` again."""
        if self.intensity.allows(now):
            return Move.RESTART
        self.drop(child)
        return Move.GIVE_UP

    def casualties(self, child: Child) -> Casualties:
        """Return whom the strategy stops and starts with ``child``, which runs no more.

        Temporary children are stopped and not started again. Those for which another attempt is
        due are started with the rest: that attempt is off.
        """
        if self.flags.strategy == "one_for_one":
            return Casualties([], [child])
        whole = list(self.children.values())
        if self.flags.strategy == "rest_for_one":
            whole = whole[whole.index(child) :]
        running = [each for each in reversed(whole) if each.ref is not None]
        for each in whole:
            each.restarting = False
        return Casualties(running, [each for each in whole if each.spec.restart != "temporary"])

    def stop_order(self) -> list[Child]:
        """Return the running children, the newest first."""
        return [child for child in reversed(self.children.values()) if child.ref is not None]

    def _heeds(self, child: Child) -> bool:
        """Whether the end of ``child`` is that of its supervisor."""
        if not child.spec.significant or self.flags.auto_shutdown == "never":
            return False
        if self.flags.auto_shutdown == "any_significant":
            return True
        others = self.children.values()
        return all(each.stopped for each in others if each.spec.significant)


def restarts(spec: ChildSpec, reason: Reason) -> bool:
    """Whether a child that ended by itself is started again."""
    if spec.restart == "transient":
        return not reason.clean
    return spec.restart == "permanent"


def remarkable(spec: ChildSpec, reason: Reason) -> bool:
    """Whether the end of a child, by itself, is an error to report."""
    return spec.restart == "permanent" or not reason.clean


def ended_as_asked(spec: ChildSpec, reason: Reason) -> bool:
    """Whether a child that was stopped ended as it should; else that is reported.

    It should with ``SHUTDOWN``, or ``KILLED`` where ``shutdown`` is 0. Any but a permanent child
    may also have ended cleanly by itself.
    """
    wanted = KILLED if spec.shutdown == 0 else SHUTDOWN
    return reason == wanted or (spec.restart != "permanent" and reason.clean)


def kept(spec: ChildSpec) -> ChildSpec:
    """Return what to keep of the spec of a running child.

    A temporary child is never started again, so what it was started with can go.
    """
    if spec.restart == "temporary" and spec.args:
        return replace(spec, args=())
    return spec


def which(children: Iterable[Child], *, ids: bool = True) -> list[ChildInfo]:
    """List ``children``; without ``ids`` where they are known by their refs."""
    return [
        ChildInfo(
            child.spec.id if ids else None,
            RESTARTING if child.restarting else child.ref,
            child.spec.type,
            child.info,
        )
        for child in children
    ]


def count(children: Iterable[Child]) -> Counts:
    """Count ``children``."""
    every = list(children)
    supervisors = sum(child.spec.type == "supervisor" for child in every)
    active = sum(child.ref is not None for child in every)
    return Counts(len(every), active, supervisors, len(every) - supervisors)
