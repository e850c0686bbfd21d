"""The live actors of this process, by class and number.

Pykka's own registry is a list: a stop scans it.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

from actors.runtime.cell import Cell
from actors.runtime.ref import Ref

_prefix = f"urn:roost:{os.urandom(8).hex()}:"
_cells: defaultdict[type, dict[int, Cell]] = defaultdict(dict)


def urn(number: int) -> str:
    """Return the URN of an actor's number; unique among processes and boots."""
    return f"{_prefix}{number}"


def register(cell: Cell) -> None:
    """Add a live actor; this is the reference that keeps it alive."""
    _cells[type(cell.actor)][cell.number] = cell


def unregister(cell: Cell) -> None:
    """Remove an actor, if it is there."""
    kind = type(cell.actor)
    try:
        del _cells[kind][cell.number]
    except KeyError:  # it is not there, or its class was assigned anew
        for alike in _cells.values():
            alike.pop(cell.number, None)
    if not _cells[kind]:
        del _cells[kind]  # that of a class which was reloaded would stay


def by_class() -> Iterator[list[Cell]]:
    """Yield the cells of the live actors of one class after the other."""
    for kind in list(_cells):
        alike = _cells.get(kind)
        if alike is not None:
            yield list(alike.values())


def count() -> int:
    """Return how many actors live."""
    return sum(map(len, list(_cells.values())))


def get_by_urn(actor_urn: str) -> Ref[Any] | None:
    """Return the ref of a live actor, or ``None``; any text is acceptable."""
    digits = actor_urn.rpartition(":")[2]
    if not digits.isdecimal() or len(digits) > 20:  # int() refuses what is very long
        return None
    number = int(digits)
    for alike in list(_cells.values()):
        cell = alike.get(number)
        if cell is not None and cell.actor.actor_urn == actor_urn:
            return _ref(cell)
    return None


def get_all() -> list[Ref[Any]]:
    """Return the refs of all live actors, oldest first."""
    return get_where(lambda _: True)


def get_by_class(actor_class: type[Any]) -> list[Ref[Any]]:
    """Return the refs of the live actors of ``actor_class`` and its subclasses."""
    return get_where(lambda kind: issubclass(kind, actor_class))


def get_where(wanted: Callable[[type], bool]) -> list[Ref[Any]]:
    """Return the refs of the live actors whose class is ``wanted``, oldest first.

    The others are not looked at. Callable from any thread.
    """
    found = [
        cell
        for kind, alike in list(_cells.items())
        if wanted(kind)
        for cell in list(alike.values())
    ]
    return [_ref(cell) for cell in sorted(found, key=attrgetter("number"))]


def _ref(cell: Cell) -> Ref[Any]:
    ref: Ref[Any] = cell.actor.actor_ref
    return ref


def stop_all(timeout: float | None = None) -> bool:
    """Ask every actor to stop, newest first, and wait up to ``timeout`` seconds for each.

    Returns whether all of them ended in time.
    """
    refs = get_all()[::-1]
    for ref in refs:
        ref.exit()
    return all([ref.wait(timeout) for ref in refs])  # noqa: C419 - wait for every one


def forget() -> list[Cell]:
    """Empty the registry of a forked child, and return what its parent had in it."""
    global _prefix  # noqa: PLW0603 - what the child registers must not have its parent's URNs
    _prefix = f"urn:roost:{os.urandom(8).hex()}:"
    cells = [cell for alike in _cells.values() for cell in alike.values()]
    _cells.clear()
    return cells
