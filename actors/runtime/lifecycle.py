"""The life of an actor: its states, what moves it from one to the next, and nothing else.

Whether a live actor is idle, ready or running is no state here, as it changes with every turn: it
is ``Cell.owner``. The one place that moves an actor is ``Cell.move`` (:mod:`actors.runtime.cell`);
what is due at a move, :mod:`actors.runtime.exits` does. Messages are taken before ``CLOSING``; one
that is ``GONE``, and no other, has a reason.
"""

from __future__ import annotations

from typing import Final

from actors.lifecycle import Named, Transitions


class State(Named):
    """Where an actor is in its life: what runs."""

    STARTING = "nothing yet, then on_start"
    LIVE = "the handlers, turn by turn"
    CLOSING = "on_ending and terminate"
    GONE = "nothing; after a kill what still unwinds its greenlet"


class Event(Named):
    """What moves an actor."""

    STARTED = "on_start has returned"
    ENDING = "it begins to end: by itself, by a signal, by a crash, or as on_start has raised"
    ENDED = "the hooks of its end have run"
    KILLED = "it was killed, or its process is a child that os.fork made of the actor's"


TRANSITIONS: Final = Transitions(
    {
        (State.STARTING, Event.STARTED): State.LIVE,
        (State.STARTING, Event.ENDING): State.CLOSING,
        (State.STARTING, Event.KILLED): State.GONE,
        (State.LIVE, Event.ENDING): State.CLOSING,
        (State.LIVE, Event.KILLED): State.GONE,
        (State.CLOSING, Event.ENDING): State.CLOSING,  # a supervisor, before it kills children
        (State.CLOSING, Event.ENDED): State.GONE,
        (State.CLOSING, Event.KILLED): State.GONE,
        # It was killed, and what ran in its greenlet comes to its end later.
        (State.GONE, Event.STARTED): State.GONE,
        (State.GONE, Event.ENDING): State.GONE,
        (State.GONE, Event.ENDED): State.GONE,
        (State.GONE, Event.KILLED): State.GONE,
    }
)
