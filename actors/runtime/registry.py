"""The live actors of this process, by number. Pykka's own registry is a list: a stop scans it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actors.runtime.actor import Actor
    from actors.runtime.ref import Ref

_prefix = f"urn:roost:{os.urandom(8).hex()}:"
_numbers = itertools.count(1)
_actors: dict[int, Actor] = {}


def number() -> int:
    """Return the next actor's number; never reused in a process."""
    return next(_numbers)


def urn(actor_number: int) -> str:
    """Return the URN of a number; unique among processes and boots."""
    return f"{_prefix}{actor_number}"


def register(actor_number: int, actor: Actor) -> None:
    """Add a live actor; this is the reference that keeps it alive."""
    _actors[actor_number] = actor


def unregister(actor_number: int) -> bool:
    """Remove it; return whether it was there."""
    return _actors.pop(actor_number, None) is not None


def count() -> int:
    """Return how many actors live."""
    return len(_actors)


def get_by_urn(actor_urn: str) -> Ref[Any] | None:
    """Return the ref of a live actor, or ``None``; any text is acceptable."""
    digits = actor_urn.rpartition(":")[2]
    if not digits.isdecimal() or len(digits) > 20:  # int() refuses what is very long
        return None
    actor = _actors.get(int(digits))
    return actor.actor_ref if actor is not None and actor.actor_urn == actor_urn else None


def get_all() -> list[Ref[Any]]:
    """Return the refs of all live actors, oldest first."""
    return [actor.actor_ref for actor in _snapshot()]


def get_by_class(actor_class: type[Any]) -> list[Ref[Any]]:
    """Return the refs of the live actors of ``actor_class`` and its subclasses."""
    return [actor.actor_ref for actor in _snapshot() if isinstance(actor, actor_class)]


def stop_all(timeout: float | None = None) -> bool:
    """Ask every actor to stop, newest first, and wait up to ``timeout`` seconds for each.

    Answers whether all of them ended in time.
    """
    refs = [actor.actor_ref for actor in reversed(list(_snapshot()))]
    for ref in refs:
        ref.exit()
    return all([ref.wait(timeout) for ref in refs])  # noqa: C419 - wait for every one


def forget() -> list[Actor]:
    """Empty the registry of a forked child, and answer what its parent had in it."""
    global _prefix  # noqa: PLW0603 - what the child registers must not have its parent's URNs
    _prefix = f"urn:roost:{os.urandom(8).hex()}:"
    actors = list(_actors.values())
    _actors.clear()
    return actors


def _snapshot() -> Iterator[Actor]:
    return iter(list(_actors.values()))
