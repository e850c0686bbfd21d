"""How one worker tells another, which has just begun, of the lost leaves that wait (pure).

The question is ``["held"]``, the answer ``[[topic, key, ref, meta, seconds], ...]``: for how long
each still waits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from actors.errors import InvalidMessage
from actors.presence.entries import Entry
from actors.presence.messages import check_entry

HELD: Final = ["held"]

MAX_HELD: Final = 10_000
"""Leaves in an answer: those beyond are told to who comes as if they had been gone for longer."""

LONGEST: Final = 3600.0
"""Seconds: a longer wait is nothing that a worker of ours says."""


def said_held(leaves: Iterable[tuple[Entry, float]]) -> list[list[Any]]:
    """Return the answer of who knows of ``leaves``, with the seconds that each still waits."""
    return [[*entry[1:], left] for entry, left in islice(leaves, MAX_HELD)]


def heard_of(answer: object) -> Iterator[tuple[Entry, float]]:
    """Yield what an answer says; what is malformed is passed over, and ``None`` is no answer."""
    if type(answer) is not list:
        return
    for each in answer[:MAX_HELD]:
        match each:
            case [str(topic), str(key), str(ref), bytes(meta), float(left)] if 0 <= left <= LONGEST:
                entry = Entry(0, topic, key, ref, meta)
                try:
                    check_entry(entry)
                except InvalidMessage:
                    continue
                yield entry, left
