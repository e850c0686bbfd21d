"""The life of a client's connection: its states, what moves it, and nothing else.

One attempt follows another until the application closes it: there is no last state.
"""

from __future__ import annotations

from typing import Final

from actors.lifecycle import Named, Transitions


class State(Named):
    """Where the connection is in its life."""

    CLOSED = "nothing runs: connect was not called, or close was"
    CONNECTING = "an attempt is under way"
    OPEN = "messages go both ways"
    WAITING = "for the next attempt"
    CLOSING = "our Close frame is on its way"


class Event(Named):
    """What moves the connection."""

    CONNECT = "the application wants it"
    OPENED = "the handshake is done"
    LOST = "the attempt failed, or the connection ended, whoever ended it"
    DUE = "it is time for the next attempt"
    CLOSE = "the application wants it no more"


TRANSITIONS: Final = Transitions(
    {
        (State.CLOSED, Event.CONNECT): State.CONNECTING,
        (State.CLOSED, Event.CLOSE): State.CLOSED,
        (State.CONNECTING, Event.CONNECT): State.CONNECTING,
        (State.CONNECTING, Event.OPENED): State.OPEN,
        (State.CONNECTING, Event.LOST): State.WAITING,
        (State.CONNECTING, Event.CLOSE): State.CLOSED,
        (State.OPEN, Event.CONNECT): State.OPEN,
        (State.OPEN, Event.LOST): State.WAITING,
        (State.OPEN, Event.CLOSE): State.CLOSING,
        (State.WAITING, Event.CONNECT): State.CONNECTING,
        (State.WAITING, Event.DUE): State.CONNECTING,
        (State.WAITING, Event.CLOSE): State.CLOSED,
        (State.CLOSING, Event.LOST): State.CLOSED,
        (State.CLOSING, Event.CLOSE): State.CLOSING,
    }
)
