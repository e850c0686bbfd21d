"""How connections are drained: in which batches, and how long that takes.

The numbers are those of Phoenix's ``PoolDrainer``: the connections are counted once, and there are
``total // size + 1`` rounds, with a pause after each but the last. So exactly one batch is followed
by a pause, and less than one by none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from actors.options import Options, bound, maybe, positive, seconds


def _not_negative(value: Any) -> str | None:
    ok = isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
    return None if ok else "a number, 0 or more"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainOptions(Options):
    """What the option ``drainer`` of a mount takes; Phoenix's names, and seconds."""

    batch_size: int = bound(10_000, "told to leave at a time", "connections")
    batch_interval: float = seconds(2.0, "between two batches of a drain", check=_not_negative)
    shutdown: float | None = seconds(
        None, "for a drain, then who is left is ended; None: half of grace", check=maybe(positive)
    )


class Batch(NamedTuple):
    """The connections from ``start`` to ``stop`` of the snapshot; ``round`` counts from 1."""

    round: int
    start: int
    stop: int
    pause: bool


def rounds(total: int, size: int) -> int:
    """Return how many rounds Phoenix speaks of; the last may have nobody left."""
    return total // size + 1


def batches(total: int, size: int) -> Iterator[Batch]:
    """Yield the batches of ``total`` connections, and whether a pause follows each."""
    last = rounds(total, size)
    for number, start in enumerate(range(0, total, size), 1):
        yield Batch(number, start, min(start + size, total), number < last)


def pauses(total: int, options: DrainOptions) -> float:
    """Return the seconds that draining ``total`` connections pauses altogether."""
    return (rounds(total, options.batch_size) - 1) * options.batch_interval


def capacity(options: DrainOptions, seconds: float) -> int | None:
    """Return how many connections are told within ``seconds``; ``None`` for any number."""
    if not options.batch_interval:
        return None
    return options.batch_size * (int(seconds / options.batch_interval) + 1)
