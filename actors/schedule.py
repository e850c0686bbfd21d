"""Every number of a shutdown, in one schedule: seconds, and parts of the seconds around them.

Who waits for another has more time than that one: the master more than a worker, a worker more than
its server, the server more than the tree, the tree more than its drains; each keeps a moment for
its own last words. A process ends in one of three ways, and each is laid out as nested spans:
:func:`orderly` (SIGTERM, or Ctrl-C), :func:`at_once` (SIGQUIT, or a second Ctrl-C) and
:func:`orphaned` (the master is gone). A test adds them up, docs/architecture.md shows them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

GRACE: Final = 25.0
"""Seconds of an orderly end where nothing else was said."""

# -- who watches a process from outside of its loop

STOP_TO_KILL: Final = 1.0
"""Seconds beyond its grace that the master waits for a worker before it kills it."""

ABORT_TO_KILL: Final = 1.0
"""Seconds that a worker which hangs has to print its stacks before it is killed."""

MASTER_AT_ONCE: Final = 1.0
"""Seconds that the master waits for workers which are told to end at once."""

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


class Span(NamedTuple):
    """``seconds``, at most, for what ``name`` says; ``inner`` follow one another in them."""

    name: str
    seconds: float
    inner: tuple[Span, ...] = ()


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


def orderly(grace: float = GRACE) -> Span:
    """Return the end of a worker that has ``grace`` seconds, and no options that say otherwise."""
    drain, server = DRAIN_PART * grace, SERVER_PART * grace
    patient = PATIENT * server
    polls = min(LAST_POLL, patient)
    quiet = min(QUIET, patient - polls)
    drains = (
        Span("batches, with pauses between", PACED * drain),
        Span("waiting for the last", (PATIENT - PACED) * drain),
        Span("ending who is left", drain - PATIENT * drain),
    )
    clients = (
        Span("last polls", polls),
        Span("HTTP without a byte", quiet),
        Span("streams that clients do not close", min(2 * LINGER, patient - polls - quiet)),
        Span("ending who is left", server - patient),
    )
    others = before_last_words(before_last_words(grace)) - drain - server
    tree = (
        Span("drainers, all at the same time", drain, drains),
        Span("connections that no drainer ended", server, clients),
        Span("watchers, pools, children, pubsub", others),
    )
    return _watched(grace + STOP_TO_KILL, grace, before_last_words(grace), tree)


def at_once() -> Span:
    """Return the end of a worker that is told to end at once."""
    return _watched(MASTER_AT_ONCE, WORKER_AT_ONCE, SERVER_AT_ONCE)


def orphaned() -> Span:
    """Return the end of a worker whose master is gone."""
    return _watched(ORPHAN_ENDS, ORPHAN_DRAINS, before_last_words(ORPHAN_DRAINS))


def _watched(seconds: float, worker: float, server: float, tree: tuple[Span, ...] = ()) -> Span:
    left = worker - server
    within = (
        Span("tree", before_last_words(server), tree),
        Span("Close frames that are queued", reserve(server)),
    )
    process = (
        Span("server", server, within),
        Span("bus", BUS_PART * left),
        Span("exit handlers and threads", left - BUS_PART * left),
    )
    late = Span(
        "exit handlers for whom no time is left, a last line", EXIT_AT_LEAST + OVERDUE_FLUSH
    )
    return Span(
        "master, or a thread where it is gone", seconds, (Span("worker", worker, process), late)
    )
