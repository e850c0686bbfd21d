"""The endpoint's own supervisors: one for one, as Phoenix's, with a budget for their end.

:class:`Root` has the whole tree, :class:`Children` what the application gave as ``children``.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from typing import Any

from actors.runtime.actor import Exit
from actors.runtime.timers import Timer
from actors.schedule import OTHER_AT_MOST, OTHERS_PART, PUNCTUAL, share
from supervision.backoff import Backoff
from supervision.plan import Child, Plan
from supervision.reports import gave_up
from supervision.specs import ChildSpec, Flags
from supervision.supervisor import Supervisor

CHILDREN = "children"
"""The id of the child that supervises the application's children."""

DRAINERS = "drainers"
"""The id of the child that supervises all drainers."""

SERVER = "server"
"""The id of the child that ends the connections which no drainer has ended."""

ONCE = "once"
"""The id of the child that stands for what exists once."""

PLANNED = frozenset({DRAINERS, SERVER})

logger = logging.getLogger("roost.endpoint")


class Budgeted(Supervisor):
    """``until`` is when its end must be over, by the dispatcher's clock; never, at first."""

    ends_others = True

    def __init__(self, children: tuple[ChildSpec, ...]) -> None:
        super().__init__(children)
        self.until = math.inf

    def stop_children(self) -> None:
        """Stop the children, newest first; each gets its share of the time that is left."""
        order = self.plan.stop_order()
        for place, child in enumerate(order):
            left = self.until - self.clock()
            later = _later(child, order[place + 1 :], left)
            seconds = share(child.spec.shutdown, later, left)
            bounded = None if seconds == math.inf else seconds
            child.spec = replace(child.spec, shutdown=bounded)
            if child.spec.id == CHILDREN:
                _actor(child).until = self.clock() + PUNCTUAL * seconds
            self.shutdown_child(child)


class Children(Budgeted):
    """The application's children. One that gives up costs no client its connection.

    It stops the others, and after 1, 2, 4 ... 30 s starts all of them anew. Thirty seconds of
    service begin the waits anew.
    """

    def __init__(self, children: tuple[ChildSpec, ...]) -> None:
        super().__init__(children)
        self._backoff = Backoff()
        self._since = 0.0
        self._timer: Timer | None = None

    def on_start(self) -> None:
        """Start the children; the first time one that does not start refuses the endpoint."""
        super().on_start()
        self._since = self.clock()

    def give_up(self, child: Child, count: int) -> None:
        """Stop them all for a while."""
        gave_up(self, count, child)
        self._pause(self.clock() - self._since)

    def _pause(self, ran: float) -> None:
        began = self.clock()
        self.stop_children()
        self.plan = Plan(Flags())  # an attempt that is queued finds its child here no more
        wait = self._backoff.after(ran)
        why = f" ({self.trouble})" if self.trouble else ""
        logger.error("the endpoint's children gave up%s: started anew in %g s", why, wait)
        again = max(0.0, began + wait - self.clock())
        self._timer = self.dispatcher.timers.call_later(again, self._wake)

    def _wake(self) -> None:
        self.queue_try_again(self)

    def try_again(self, subject: Any) -> None:
        """Start all of them anew, or one that could not be restarted."""
        if subject is not self:
            known = self.plan.children.get(subject.spec.id)
            if known is subject and known is not None:
                super().try_again(known)
            return
        try:
            self.on_start()
        except Exit:  # it has been reported, and those before it have been stopped
            self._pause(0.0)
        else:
            logger.info("the endpoint's children run again")

    def stop_children(self) -> None:
        """Stop them, also while they wait to be started anew."""
        if self._timer is not None:
            self._timer.cancel()
        super().stop_children()


class Root(Budgeted):
    """The endpoint's tree."""

    def hurry(self) -> None:
        """End, and drain no more. Does not block; call it on the loop."""
        self.actor_ref.exit()
        drainers = self.plan.children.get(DRAINERS)
        if drainers is not None and drainers.ref is not None:
            drainers.spec = replace(drainers.spec, shutdown=0.0)  # so it is no error that it is
            drainers.ref.kill()


def _actor(child: Child) -> Children:
    found: Children = child.ref.actor_inbox.actor
    return found


def _later(child: Child, after: list[Child], left: float) -> list[float]:
    """Return what is kept for those that stop after ``child``, of the seconds ``left``.

    While a planned one stops, the others keep no more than the planned ones leave of it, and a
    tenth: an endpoint of many classes has many pools, which should not shorten its drain.
    """
    kept = [_kept(each) for each in after]
    if child.spec.id not in PLANNED or left == math.inf:
        return kept
    planned = [own for own, each in zip(kept, after, strict=True) if each.spec.id in PLANNED]
    others = len(after) - len(planned)
    room = max(left - _kept(child) - sum(planned), OTHERS_PART * left)
    return [
        own if each.spec.id in PLANNED else min(own, room / others)
        for own, each in zip(kept, after, strict=True)
    ]


def _kept(child: Child) -> float:
    """Return what is kept for a child while others before it stop: the planned ones have it all."""
    if child.spec.id == CHILDREN:
        return sum(_least(each) for each in child.spec.args[0])
    return _asked(child.spec) if child.spec.id in (DRAINERS, SERVER) else _least(child.spec)


def _least(spec: ChildSpec) -> float:
    return min(_asked(spec), OTHER_AT_MOST)


def _asked(spec: ChildSpec) -> float:
    return math.inf if spec.shutdown is None else spec.shutdown
