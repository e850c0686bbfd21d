"""The life of an appointment, as the master sees it: which worker runs what exists once.

Nobody is appointed while somebody may still run it: the way out of ``APPOINTED`` is that the worker
says so itself, or has been reaped. A worker that was sent a signal has not ended yet.
"""

from __future__ import annotations

from typing import Final

from actors.lifecycle import Named, Transitions


class State(Named):
    """Who may run it."""

    VACANT = "nobody"
    APPOINTED = "one worker"
    RESIGNING = "the same worker, until it says that what ran there has ended"


class Event(Named):
    """What moves the appointment."""

    APPOINT = "a worker that serves is told to run it"
    RESIGN = "that worker is to go, or one of a later reload serves: it is told to hand over"
    RESIGNED = "it has ended what ran there, or what ran there gave up"
    REAPED = "its process has ended, whichever way"


TRANSITIONS: Final = Transitions(
    {
        (State.VACANT, Event.APPOINT): State.APPOINTED,
        (State.APPOINTED, Event.RESIGN): State.RESIGNING,
        (State.APPOINTED, Event.RESIGNED): State.VACANT,
        (State.APPOINTED, Event.REAPED): State.VACANT,
        (State.RESIGNING, Event.RESIGNED): State.VACANT,
        (State.RESIGNING, Event.REAPED): State.VACANT,
    }
)
