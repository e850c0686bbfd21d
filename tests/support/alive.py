"""What lives in the test's process: to show that a connection costs, or leaves, nothing more.

Everything is told by identity, because what earlier tests left may end meanwhile.
"""

from __future__ import annotations

import gc

from greenlet import greenlet

from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.timers import Timer


def timers() -> set[Timer]:
    """Return the timers that are still to run."""
    timers = get_dispatcher().timers
    entries = [*timers._heap, *timers._old]
    return {timer for _, _, timer in entries if timer.callback is not None}


def greenlets() -> set[greenlet]:
    """Return the greenlets that have not ended."""
    gc.collect()
    return {thing for thing in gc.get_objects() if isinstance(thing, greenlet) and not thing.dead}
