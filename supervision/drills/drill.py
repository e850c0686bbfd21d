"""A drill as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class Skipped(Exception):
    """A drill raises it, before it starts a server, where it cannot be run; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drill:
    """One drill.

    ``outcome`` says what must come of it. ``bound`` is how many seconds it may take from the fault
    to the end of ``run``. ``status`` is the exit status that the server must have, ``None`` where
    it has none of its own. ``needs`` names the transports it connects by. With ``tracebacks`` the
    application raises on purpose, with ``leaves`` the master is killed before it could tidy up, and
    with ``late`` there are connections that do not end in their time. A ``loop`` runs for minutes,
    by its name alone. ``run`` takes the stage that its themes play on.
    """

    number: str
    name: str
    outcome: str
    bound: float
    run: Callable[[Any], None]
    status: int | None = 0
    needs: tuple[str, ...] = ()
    tracebacks: bool = False
    leaves: bool = False
    late: bool = False
    loop: bool = False


def drill(number: str, **facts: Any) -> Callable[[Callable[[Any], None]], Drill]:
    """Make a drill of a function: its name is the drill's, its docstring the outcome."""

    def make(run: Callable[[Any], None]) -> Drill:
        outcome = " ".join((run.__doc__ or "").split())
        name = run.__name__.replace("_", "-")
        return Drill(number=number, name=name, outcome=outcome, run=run, **facts)

    return make
