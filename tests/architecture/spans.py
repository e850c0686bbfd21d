"""How the time of a shutdown is laid out: spans of :mod:`actors.schedule`, one in another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from actors import schedule


class Span(NamedTuple):
    """``seconds``, at most, for what ``name`` says; ``inner`` follow one another in them."""

    name: str
    seconds: float
    inner: tuple[Span, ...] = ()


def orderly(grace: float) -> Span:
    """Return the end of a worker that has ``grace`` seconds, and no options that say otherwise."""
    drain, server = schedule.DRAIN_PART * grace, schedule.SERVER_PART * grace
    patient = schedule.PATIENT * server
    polls = min(schedule.LAST_POLL, patient)
    quiet = min(schedule.QUIET, patient - polls)
    drains = (
        Span("batches, with pauses between", schedule.PACED * drain),
        Span("waiting for the last", (schedule.PATIENT - schedule.PACED) * drain),
        Span("ending who is left", drain - schedule.PATIENT * drain),
    )
    clients = (
        Span("last polls", polls),
        Span("HTTP without a byte", quiet),
        Span(
            "streams that clients do not close", min(2 * schedule.LINGER, patient - polls - quiet)
        ),
        Span("ending who is left", server - patient),
    )
    others = schedule.before_last_words(schedule.before_last_words(grace)) - drain - server
    tree = (
        Span("drainers, all at the same time", drain, drains),
        Span("connections that no drainer ended", server, clients),
        Span("watchers, pools, children, pubsub", others),
    )
    return _watched(grace + schedule.STOP_TO_KILL, grace, schedule.before_last_words(grace), tree)


def at_once() -> Span:
    """Return the end of a worker that is told to end at once."""
    return _watched(schedule.MASTER_AT_ONCE, schedule.WORKER_AT_ONCE, schedule.SERVER_AT_ONCE)


def orphaned() -> Span:
    """Return the end of a worker whose master is gone."""
    return _watched(
        schedule.ORPHAN_ENDS,
        schedule.ORPHAN_DRAINS,
        schedule.before_last_words(schedule.ORPHAN_DRAINS),
    )


def _watched(seconds: float, worker: float, server: float, tree: tuple[Span, ...] = ()) -> Span:
    left = worker - server
    rest = left - schedule.BUS_PART * left
    within = (
        Span("tree", schedule.before_last_words(server), tree),
        Span("Close frames that are queued", schedule.reserve(server)),
    )
    process = (
        Span("server", server, within),
        Span("bus", schedule.BUS_PART * left),
        Span("last beat, where something is counted", schedule.LAST_BEAT_PART * rest),
        Span("exit handlers and threads", rest - schedule.LAST_BEAT_PART * rest),
    )
    late = Span(
        "exit handlers for whom no time is left, a last line",
        schedule.EXIT_AT_LEAST + schedule.OVERDUE_FLUSH,
    )
    return Span(
        "master, or a thread where it is gone", seconds, (Span("worker", worker, process), late)
    )


def every(span: Span, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Span]]:
    """Yield the span and all that are in it, each with the names from the outermost to its own."""
    path = (*above, span.name)
    yield path, span
    for inner in span.inner:
        yield from every(inner, path)


def table() -> str:
    """Return the three ends for docs/architecture.md, a column for each."""
    ends = {
        f"orderly, `grace={schedule.GRACE:g}`": orderly(schedule.GRACE),
        "at once": at_once(),
        "the master is gone": orphaned(),
    }
    columns = [dict(every(end)) for end in ends.values()]
    lines = [f"| seconds, at most, for | {' | '.join(ends)} |", "| --- " * (len(ends) + 1) + "|"]
    for path in columns[0]:
        cells = [f"{column[path].seconds:.3g}" if path in column else "" for column in columns]
        lines.append(f"| {'· ' * (len(path) - 1)}{path[-1]} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
