"""The life of a tenure, as a worker sees it: from its appointment to its resignation.

What exists once runs in ``HOLDING`` and after it, until ``ENDED``; the lease is given back then,
and not before. Deeds and deadlines are in :mod:`actors.endpoint.serving.tenure`.
"""

from __future__ import annotations

from typing import Final

from actors.lifecycle import Named, Transitions


class State(Named):
    """What this worker does about it."""

    OUT = "nothing: another worker is appointed, or none"
    ASKING = "it is appointed, and asks for the lease"
    HOLDING = "it has the lease, and runs what exists once"
    LOSING = "it ends that, as the lease is over, and asks again then"
    RESIGNING = "it ends that, and says so then"


class Event(Named):
    """What moves it."""

    APPOINTED = "the master says that this worker is to run it"
    GRANTED = "the lease is ours"
    LOST = "the lease is not, or will not be for long"
    RESIGN = "the master says that another is to run it, this worker goes, or what ran gave up"
    ENDED = "what ran has ended"


TRANSITIONS: Final = Transitions(
    {
        (State.OUT, Event.APPOINTED): State.ASKING,
        (State.OUT, Event.RESIGN): State.OUT,
        (State.ASKING, Event.APPOINTED): State.ASKING,
        (State.ASKING, Event.GRANTED): State.HOLDING,
        (State.ASKING, Event.RESIGN): State.OUT,
        (State.HOLDING, Event.APPOINTED): State.HOLDING,
        (State.HOLDING, Event.LOST): State.LOSING,
        (State.HOLDING, Event.RESIGN): State.RESIGNING,
        (State.LOSING, Event.APPOINTED): State.LOSING,
        (State.LOSING, Event.RESIGN): State.RESIGNING,
        (State.LOSING, Event.ENDED): State.ASKING,
        (State.RESIGNING, Event.APPOINTED): State.RESIGNING,
        (State.RESIGNING, Event.LOST): State.RESIGNING,
        (State.RESIGNING, Event.RESIGN): State.RESIGNING,
        (State.RESIGNING, Event.ENDED): State.OUT,
    }
)
