"""Every number of a shutdown, in one schedule: seconds, and parts of the seconds around them.

A waiter has more time than what it waits for: the master more than a worker, a worker more than
its server, the server more than the tree, the tree more than its drains; each keeps a moment for
its own last words. A process ends in one of three ways: orderly (SIGTERM, or Ctrl-C), at once
(SIGQUIT, or a second Ctrl-C), or because its master is gone. docs/architecture.md shows how each is
laid out, and a test adds it up.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

GRACE: Final = 25.0
"""Seconds of an orderly end where nothing else was said."""

# -- who watches a process from outside of its loop

STOP_TO_KILL: Final = 1.0
"""Seconds beyond its grace that the master waits for a worker before it kills it."""

ABORT_TO_KILL: Final = 1.0
"""Seconds that a worker which hangs has to print its stacks before it is killed."""

MASTER_AT_ONCE: Final = 1.0
"""Seconds that the master waits for workers which are told to end at once."""

OPS_ENDS: Final = 0.5
"""Seconds that the master waits for its ops process, which it ends when the workers have ended."""

ORPHAN_ENDS: Final = 1.9
"""Seconds that a worker outlives its master, whatever it is doing."""

OVERDUE_FLUSH: Final = 0.1
"""Seconds that a worker whose time is over waits for its last line to be written."""

LOG_FLUSH: Final = 3.0
"""Seconds that the end of any other process waits for the last lines of the log."""

LOG_STUCK: Final = 0.3
"""Seconds that a single write of the log may take before an end waits for it no longer."""

# -- a process: its server, the bus, then what the application has left

WORKER_AT_ONCE: Final = 0.7
"""Seconds that a worker has which is told to end at once."""

ORPHAN_DRAINS: Final = 1.5
"""Seconds that a worker has to end orderly when its master is gone."""

BUS_PART: Final = 0.5
"""The part of what the server leaves in which the bus sends what is queued for other workers."""

LAST_BEAT_PART: Final = 0.2
"""The part of what the bus leaves in which the master takes what was counted last."""

BUS_FLUSH: Final = 1.0
"""Seconds for the same, where a bus is closed by itself."""

EXIT_AT_LEAST: Final = 0.2
"""Seconds that exit handlers and threads of the application have, even where none are left."""

# -- the server, and the tree in it

SERVER_AT_ONCE: Final = 0.5
"""Seconds that a server has which is told to end at once."""

LAST_WORDS: Final = 1.0
LAST_WORDS_PART: Final = 0.1
"""What a process and its server keep for their very end: this part, at most so many seconds."""

DRAIN_PART: Final = 0.5
"""The part of ``grace`` that drainers have which are not given a ``shutdown``."""

SERVER_PART: Final = 0.3
"""The part of ``grace`` in which connections end that no drainer has ended."""

OTHERS_PART: Final = 0.1
"""The part of what is left that other children keep at least while drainers or the server stop."""

OTHER_AT_MOST: Final = 0.25
"""Seconds, at most, that are kept for each of those."""

PUNCTUAL: Final = 0.95
"""The part of its time in which the application's children stop: the rest is their supervisor's."""

# -- a drainer, the server, and their clients

PACED: Final = 0.8
"""The part of a drainer's time in which there are pauses between batches."""

PATIENT: Final = 0.9
"""The part of a drainer's or the server's time after which whoever is left is ended."""

LAST_POLL: Final = 2.0
"""Seconds in which a drained long-poll session can be polled, where nothing else was said."""

QUIET: Final = 1.0
"""Seconds without a byte after which a draining HTTP connection closes."""

LINGER: Final = 0.5
"""Seconds, at least, that a client has to close a stream on which everything was said; at most
twice that."""


def reserve(seconds: float) -> float:
    """Return what is kept of ``seconds`` for the very end."""
    return min(LAST_WORDS, LAST_WORDS_PART * seconds)


def before_last_words(seconds: float) -> float:
    """Return what is left of ``seconds`` beside that."""
    return seconds - reserve(seconds)


def share(own: float | None, later: Iterable[float], left: float) -> float:
    """Return how many of the seconds ``left`` a child may use that asks for ``own``.

    ``later`` is what those ask for that stop after it. Where there is not enough for all, nobody
    gets more than an equal part of what those leave that ask for less. ``None`` asks for all.
    """
    own = math.inf if own is None else own
    left = max(0.0, left)
    asked = sorted([own, *later])
    for place, each in enumerate(asked):
        level = left / (len(asked) - place)
        if each >= level:
            return min(own, level)
        left -= each
    return own
