"""The endpoint's own supervisor: one for one, as Phoenix's, and it keeps to a budget at its end."""

from __future__ import annotations

import math
from dataclasses import replace

from actors.endpoint.budget import LEAST, share
from supervision.plan import Child
from supervision.specs import ChildSpec
from supervision.supervisor import Supervisor

DRAINERS = "drainers"
"""The id of the child that supervises all drainers."""

SERVER = "server"
"""The id of the child that ends the connections which no drainer has ended."""


class Root(Supervisor):
    """``until`` is when its end must be over, by the dispatcher's clock; never, at first."""

    def __init__(self, children: tuple[ChildSpec, ...]) -> None:
        super().__init__(children)
        self.until = math.inf

    def stop_children(self) -> None:
        """Stop the children, newest first; each gets its share of the time that is left."""
        order = self.plan.stop_order()
        for place, child in enumerate(order):
            later = [_kept(each) for each in order[place + 1 :]]
            seconds = share(child.spec.shutdown, later, self.until - self.clock())
            bounded = None if seconds == math.inf else seconds
            child.spec = replace(child.spec, shutdown=bounded)
            self.shutdown_child(child)

    def hurry(self) -> None:
        """End, and drain no more. Does not block; call it on the loop."""
        self.actor_ref.exit()
        drainers = self.plan.children.get(DRAINERS)
        if drainers is not None and drainers.ref is not None:
            drainers.spec = replace(drainers.spec, shutdown=0.0)  # so it is no error that it is
            drainers.ref.kill()


def _kept(child: Child) -> float:
    """Answer what is kept for a child while others before it stop: the planned ones have it all."""
    asked = math.inf if child.spec.shutdown is None else child.spec.shutdown
    return asked if child.spec.id in (DRAINERS, SERVER) else min(asked, LEAST)
