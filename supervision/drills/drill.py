"""A drill as data, and the catalogue of all drills."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from actors.options import did_you_mean

if TYPE_CHECKING:
    from supervision.drills.stage import Stage

THEMES: Final = (
    "draining", "batches", "midway", "longpolling", "stalled", "signals", "replacing",
    "mesh", "bursts", "blocking", "limits", "faults", "tree", "system", "herds", "soak", "loops",
)  # fmt: skip
"""The modules of ``supervision.drills.themes`` and of ``tests.drills.themes``."""

_MOVED: Final = {"batches", "mesh", "bursts", "blocking", "faults", "tree", "soak"}

WITH_ITS_PART: Final = {
    "G29": ("redis", "Redis ends, stalls or flaps: comes with the pubsub between machines"),
    "G30": ("presence-nodedown", "a worker with presences is killed: comes with presence"),
}
"""Drills that are numbered, and cannot be run yet."""


class UnknownDrillError(Exception):
    """There is no drill of that name; the text says what may have been meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One drill.

    ``outcome`` says what must come of it. ``bound`` is how many seconds it may take from the fault
    to the end of ``run``. ``status`` is the exit status that the server must have, ``None`` where
    it has none of its own. ``needs`` names the transports it connects by, and ``generic`` says
    whether it can be run against any application. With ``tracebacks`` the application raises on
    purpose, with ``leaves`` the master is killed before it could tidy up, and with ``late`` there
    are connections that do not end in their time. A ``loop`` runs for minutes, by its name alone.
    """

    number: str
    name: str
    outcome: str
    bound: float
    run: Callable[[Stage], None]
    status: int | None = 0
    needs: tuple[str, ...] = ()
    generic: bool = False
    tracebacks: bool = False
    leaves: bool = False
    late: bool = False
    loop: bool = False


_DRILLS: dict[str, Drill] = {}


def drill(number: str, **facts: Any) -> Callable[[Callable[[Stage], None]], Drill]:
    """Make a drill of a function: its name is the drill's, its docstring the outcome."""

    def make(run: Callable[[Stage], None]) -> Drill:
        outcome = " ".join((run.__doc__ or "").split())
        name = run.__name__.replace("_", "-")
        made = Drill(number=number, name=name, outcome=outcome, run=run, **facts)
        _DRILLS[number] = made
        return made

    return make


def catalogue() -> list[Drill]:
    """Return all drills by number; the loops come last."""
    for theme in THEMES:
        home = "tests" if theme in _MOVED else "supervision"
        importlib.import_module(f"{home}.drills.themes.{theme}")
    return sorted(_DRILLS.values(), key=lambda each: (each.loop, each.number))


def named(names: list[str]) -> list[Drill]:
    """Return the drills of these names or numbers, in this order; ``UnknownDrillError``."""
    known = {key: each for each in catalogue() for key in (each.name, each.number.lower())}
    found = []
    for name in names:
        if name.lower() not in known:
            later = {key.lower(): text for key, (_, text) in WITH_ITS_PART.items()}
            later |= dict(WITH_ITS_PART.values())
            why = later.get(name.lower())
            hint = f": {why}" if why else did_you_mean(name, list(known))
            raise UnknownDrillError(f"there is no drill {name!r}{hint}")
        found.append(known[name.lower()])
    return found
