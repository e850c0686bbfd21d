"""How long the link to Redis waits for what (pure): seconds."""

from __future__ import annotations

from typing import Final

SILENCE: Final = 5.0
"""Silence after which Redis is asked for a sign of life, and again until it counts as dead."""

OVERDUE: Final = 1.0
"""Without the answer to a command, after which nobody's silence is held against them."""

DIAL: Final = 3.0
"""In which a connection must be made, greeted and subscribed."""

CHECK: Final = 5.0
"""After which Redis is asked whether it is still a master."""

FIRST_WAIT: Final = 0.1
LONGEST_WAIT: Final = 4.0

BOOT: Final = 5.0
"""That the start of a machine waits for Redis."""

BOOT_LATER: Final = 1.0
"""The same, of a worker that joins a machine which serves."""

STEP: Final = 64
"""Messages that were read and delivered nothing, before others get their turn."""


def wait_for(down: float, chance: float) -> float:
    """Return the wait until the next attempt, where it has been down for so long.

    It grows with that, all of it left to ``chance`` in [0, 1): the machines of a cluster part, and
    whoever was down for a moment is back in a moment.
    """
    return min(LONGEST_WAIT, FIRST_WAIT + down / 2) * chance
