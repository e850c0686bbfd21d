"""How far the end of a service is: serving, a lame duck, or draining.

A lame duck says that it is not ready any more, and still takes clients: so whoever balances them
has time to take it out. Workers that crash meanwhile are replaced.
"""

from __future__ import annotations

from typing import Literal

from actors.schedule import OPS_ENDS, STOP_TO_KILL
from supervision.processes.fleet import NEVER, Fleet

Stage = Literal["booting", "serving", "stopping"]


class Ending:
    """``begun``: the service is to end. ``draining``: the workers have been told.

    ``drain_at`` is when they will be, where they have not.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.draining = False
        self.drain_at = NEVER
        self._fleet = fleet

    @property
    def begun(self) -> bool:
        """Whether it has: then nothing new is begun."""
        return self.draining or self.drain_at != NEVER

    def stage(self, *, served: bool) -> Stage:
        """Return what the service is at; ``served``: a worker has been ready once."""
        if self.begun:
            return "stopping"
        return "serving" if served else "booting"

    def wait(self, seconds: float) -> None:
        """Be a lame duck for so long."""
        self.drain_at = self._fleet.clock() + seconds
        self._fleet.leave()

    def drain(self) -> None:
        """Learn that the workers are told to stop."""
        self.draining = True
        self.drain_at = NEVER

    def until(self) -> float:
        """Return when the last worker has ended, at the latest; infinite where none is to."""
        if self.draining:
            ends = (process.stop_by for process in self._fleet)
            return max((end for end in ends if end is not None), default=NEVER)
        return self.drain_at + self._longest() if self.begun else NEVER

    def seconds(self) -> float:
        """Return how long the whole end may take from now on."""
        now = self._fleet.clock()
        waits = 0.0 if self.drain_at == NEVER else max(0.0, self.drain_at - now)
        return waits + self._longest() + OPS_ENDS

    def _longest(self) -> float:
        return max((process.grace for process in self._fleet), default=0.0) + STOP_TO_KILL
