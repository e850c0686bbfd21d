"""The turns that are blocked in user code: how many there are, and what most of them block in.

Only turns that block are counted, when they do and when they are over; others cost nothing here.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from actors import telemetry
from actors.crash_text import callback
from actors.runtime.carrier import Carrier

logger = logging.getLogger("roost.runtime")

MAX_CARRIERS: Final = 10_000
"""Turns that may be blocked in user code at once; further ready actors wait."""

MANY: Final = 0.8
"""The part of the limit from which on many turns are blocked: one line says so."""

FEW: Final = 0.7
"""The part below which they are no longer many. Between the two nothing is said, whatever it is."""

EVERY: Final = 10.0
"""Seconds between two lines of a kind; events are not held back."""

LOOKED_AT: Final = 200
"""Blocked turns whose stacks are looked at for a line, the oldest: some microseconds each."""

FREE: Final = "carriers.free"
MUCH: Final = "carriers.many"
FULL: Final = "carriers.full"


class Blocked:
    """``full`` while ``limit`` turns are blocked. ``clock``: monotonic seconds."""

    def __init__(self, limit: int, clock: Callable[[], float]) -> None:
        self.limit = limit
        self.full = False
        self._clock = clock
        self._carriers: dict[Carrier, None] = {}
        self._state = FREE
        self._told: dict[str, float] = {}
        self._warned = False

    def __len__(self) -> int:
        return len(self._carriers)

    def places(self) -> list[str]:
        """Return what each turn blocks in, the oldest first."""
        return [where(carrier) for carrier in self._carriers]

    def add(self, carrier: Carrier) -> None:
        """Count the turn that has just blocked on ``carrier``; on the loop."""
        self._carriers[carrier] = None
        count = len(self._carriers)
        self.full = count >= self.limit
        if self.full and self._state != FULL:
            self._state = FULL
            place = self._warn(logging.ERROR, "new clients are told 503, others wait")
            telemetry.execute(FULL, {"blocked": count, "limit": self.limit}, {"where": place})
        elif count >= math.ceil(MANY * self.limit) and self._state == FREE:
            self._state = MUCH
            place = self._warn(logging.WARNING, "at the limit new clients are told 503")
            telemetry.execute(MUCH, {"blocked": count, "limit": self.limit}, {"where": place})

    def discard(self, carrier: Carrier) -> None:
        """Uncount the turn of ``carrier``, which is over."""
        self._carriers.pop(carrier, None)
        count = len(self._carriers)
        self.full = count >= self.limit
        if self._state != FREE and count < FEW * self.limit:
            self._state = FREE
            if self._warned:
                self._warned = False
                logger.info(
                    "again below %d %%: %d of %d carriers are blocked",
                    round(100 * FEW), count, self.limit,
                )  # fmt: skip
            telemetry.execute(FREE, {"blocked": count, "limit": self.limit}, {})

    def _warn(self, level: int, consequence: str) -> str:
        """Log that many turns block, if no line has said so just now; return where most do."""
        event, now = self._state, self._clock()
        count, limit = len(self._carriers), self.limit
        looked = Counter(where(each) for each in islice(self._carriers, LOOKED_AT))
        place, alike = looked.most_common(1)[0]
        if now >= self._told.get(event, -math.inf) + EVERY:
            self._told[event] = now
            self._warned = True
            logger.log(
                level, "%d of %d carriers are blocked, %d of %d looked at in %s: %s",
                count, limit, alike, looked.total(), place, consequence,
            )  # fmt: skip
        return place


def where(carrier: Carrier) -> str:
    """Return what a parked turn blocks in: ``Chat.handle_in at app.py:31``."""
    runnable: Any = carrier.runnable
    return callback(carrier.gr_frame) or runnable.kind.__qualname__
