"""How often presence speaks, and how long it waits and remembers (pure)."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """Seconds, and two sizes.

    A set tells its changes at most every ``delta_every``, and after ``beat_every`` of silence where
    it stands. Who is behind asks at most every ``want_every``. A set of another machine that was
    silent for ``down`` is hidden, and forgotten after ``forget``; what has ended is remembered as
    long. Whoever is late by more than ``stall`` judges nobody.

    ``log``: operations that a set can tell again. ``page_bytes``: about how much one message holds.
    """

    delta_every: float = 0.05
    beat_every: float = 2.0
    want_every: float = 1.0
    down: float = 10.0
    forget: float = 60.0
    stall: float = 1.0
    log: int = 10_000
    page_bytes: int = 262_144
