"""The life of an actor: its states, what moves it from one to the next, and nothing else.

========= ======================================================== ================ ===========
state     what runs                                                takes messages   has a reason
========= ======================================================== ================ ===========
STARTING  nothing yet, then ``on_start``                           yes: they wait   no
LIVE      the handlers, turn by turn                               yes              no
CLOSING   ``on_ending`` and ``terminate``                          no               no
GONE      nothing; after a kill what still unwinds its greenlet    no               yes
========= ======================================================== ================ ===========

Whether a live actor is idle, ready or running is no state here, as it changes with every turn: it
is ``Cell.owner``. The one place that moves an actor is ``Cell.move`` (:mod:`actors.runtime.cell`);
what is due at a move, :mod:`actors.runtime.exits` does.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class State(IntEnum):  # of int, whose hash costs no call
    """Where an actor is in its life."""

    STARTING = 0
    LIVE = 1
    CLOSING = 2
    GONE = 3


class Event(IntEnum):
    """What moves an actor."""

    STARTED = 0
    """``on_start`` has returned."""

    ENDING = 1
    """It begins to end: by itself, by a signal, by a crash, or as ``on_start`` has raised."""

    ENDED = 2
    """The hooks of its end have run."""

    KILLED = 3
    """It was killed, or its process is a child that ``os.fork`` made of the actor's."""


TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.STARTING, Event.STARTED): State.LIVE,
    (State.STARTING, Event.ENDING): State.CLOSING,
    (State.STARTING, Event.KILLED): State.GONE,
    (State.LIVE, Event.ENDING): State.CLOSING,
    (State.LIVE, Event.KILLED): State.GONE,
    (State.CLOSING, Event.ENDING): State.CLOSING,  # a supervisor closes before it kills children
    (State.CLOSING, Event.ENDED): State.GONE,
    (State.CLOSING, Event.KILLED): State.GONE,
    # Nothing brings it back: it was killed, and what ran in its greenlet comes to its end later.
    (State.GONE, Event.STARTED): State.GONE,
    (State.GONE, Event.ENDING): State.GONE,
    (State.GONE, Event.ENDED): State.GONE,
    (State.GONE, Event.KILLED): State.GONE,
}
"""A move that is not here is a fault of the runtime's, and a ``KeyError``."""
