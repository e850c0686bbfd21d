"""A lifecycle as a table: in which state which event leads where.

A file that has one declares its states and events, and writes the table out::

    class State(Named):
        OPEN = "messages go both ways"

    class Event(Named):
        LEFT = "the client hung up"

    TRANSITIONS: Final = Transitions({(State.OPEN, Event.LEFT): State.CLOSED, ...})

A row that leads back to its own state says that the event is ignored there. What has no row cannot
happen: looking it up raises ``RuntimeError``, as it is a mistake of ours.
"""

from __future__ import annotations

import enum
from typing import TypeVar


class Named(enum.Enum):
    """A state or an event; its value says what it means."""

    __hash__ = object.__hash__  # each is there once, and Enum's own costs ten times as much


S = TypeVar("S", bound=enum.Enum)
E = TypeVar("E", bound=enum.Enum)


class Transitions(dict[tuple[S, E], S]):
    """The table: ``table[state, event]`` is the next state."""

    def __missing__(self, key: tuple[S, E]) -> S:
        state, event = key
        raise RuntimeError(f"{event.name} cannot happen in {state.name}")
