"""Which drills there are: those that fit any application, and those of ``--themes``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from actors.options import did_you_mean
from supervision.drills.drill import Drill
from supervision.drills.stage import Stage

GENERIC: Final = "supervision.drills.themes"
"""The package of the drills that fit any application."""


class UnknownDrillError(Exception):
    """There is no drill of that name; the text says what may have been meant."""


class UnknownThemesError(Exception):
    """What ``--themes`` names is no module with drills; the text says why."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Drills by number, and the stage that they play on."""

    drills: dict[str, Drill]
    stage: type[Stage] = Stage

    def all(self) -> list[Drill]:
        """Return the drills by number; the loops come last."""
        return sorted(self.drills.values(), key=lambda each: (each.loop, each.number))

    def named(self, names: list[str]) -> list[Drill]:
        """Return the drills of these names or numbers, in this order; ``UnknownDrillError``."""
        known = {key: each for each in self.all() for key in (each.name, each.number.lower())}
        for name in names:
            if name.lower() not in known:
                hint = did_you_mean(name, list(known))
                raise UnknownDrillError(f"there is no drill {name!r}{hint}")
        return [known[name.lower()] for name in names]


def load(themes: str | None = None) -> Catalogue:
    """Return the drills that fit any application, and those of the module ``themes``.

    That is a module with drills, or a package of such modules. One of its drills that has the
    number of another takes its place. A subclass of ``Stage`` in it is what all drills then play
    on. ``UnknownThemesError``.
    """
    drills = _drills(importlib.import_module(GENERIC))
    if themes is None:
        return Catalogue(drills)
    try:
        module = importlib.import_module(themes)
        added = _drills(module)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"
        raise UnknownThemesError(f"cannot import the themes {themes!r}: {told}") from error
    if not added:
        raise UnknownThemesError(f"the themes {themes!r} have no drill")
    stages = {each for each in vars(module).values() if _is_stage(each)} or {Stage}
    if len(stages) > 1:
        raise UnknownThemesError(f"the themes {themes!r} have more than one Stage")
    return Catalogue(drills | added, stages.pop())


def _is_stage(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Stage) and value is not Stage


def _drills(module: ModuleType) -> dict[str, Drill]:
    return {each.number: each for part in _parts(module) for each in _defined_in(part)}


def _parts(module: ModuleType) -> Iterator[ModuleType]:
    """Return the module, and its modules where it is a package."""
    yield module
    if module.__spec__ is not None:
        places = module.__spec__.submodule_search_locations
        for found in pkgutil.iter_modules(places or (), f"{module.__name__}."):
            yield importlib.import_module(found.name)


def _defined_in(module: ModuleType) -> Iterator[Drill]:
    """Return the drills of a module that it has not imported from another."""
    for value in vars(module).values():
        if isinstance(value, Drill) and value.run.__module__ == module.__name__:
            yield value
