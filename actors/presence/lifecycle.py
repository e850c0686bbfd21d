"""The life of another worker's set, as one worker sees it: its states, and what moves it (pure)."""

from __future__ import annotations

from typing import Final

from actors.lifecycle import Named, Transitions


class State(Named):
    """What is shown and kept of it."""

    NEW = "nothing has been heard of it before"
    UP = "its entries are shown"
    DOWN = "it is silent: its entries are kept, and hidden"
    GONE = "it has ended: nothing is kept, and what still comes of it is dropped"
    FORGOTTEN = "nothing is known of it; if it is heard again, it is new"


class Event(Named):
    """What happens to it."""

    HEARD = "something came of it"
    CAUGHT_UP = "all has come that it has told so far"
    SILENT = "it was not heard for the period in which it should have been"
    ENDED = "it said so, or its machine did, or its worker has begun another one"
    EXPIRED = "the period is over for which it is remembered"


TRANSITIONS: Final = Transitions(
    {
        (State.NEW, Event.HEARD): State.UP,
        (State.NEW, Event.ENDED): State.GONE,
        (State.UP, Event.HEARD): State.UP,
        (State.UP, Event.CAUGHT_UP): State.UP,
        (State.UP, Event.SILENT): State.DOWN,
        (State.UP, Event.ENDED): State.GONE,
        (State.DOWN, Event.HEARD): State.DOWN,
        (State.DOWN, Event.CAUGHT_UP): State.UP,
        (State.DOWN, Event.SILENT): State.DOWN,
        (State.DOWN, Event.ENDED): State.GONE,
        (State.DOWN, Event.EXPIRED): State.FORGOTTEN,
        (State.GONE, Event.ENDED): State.GONE,
        (State.GONE, Event.EXPIRED): State.FORGOTTEN,
    }
)
