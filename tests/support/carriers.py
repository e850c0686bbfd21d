"""A dispatcher with few carriers, as tests want it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from actors.runtime.blocked import Blocked

if TYPE_CHECKING:
    from actors.runtime import Dispatcher


@contextmanager
def few_carriers(dispatcher: Dispatcher, limit: int) -> Iterator[None]:
    """Let ``limit`` turns block meanwhile; what is blocked already is not counted.

    A carrier that others left blocked may come back within, so both books are added up at the end.
    """
    blocked, idle, carriers = dispatcher.blocked, dispatcher._idle, dispatcher.carriers
    dispatcher.blocked = Blocked(limit, dispatcher.clock)
    dispatcher._idle, dispatcher.carriers = [], 0
    try:
        yield
    finally:
        dispatcher.blocked = blocked
        dispatcher._idle += idle
        dispatcher.carriers += carriers
