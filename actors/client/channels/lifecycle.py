"""The life of a client's channel: the states of phoenix.js, and what moves it."""

from __future__ import annotations

from typing import Final

from actors.lifecycle import Named, Transitions


class State(Named):
    """Where a channel is in its life."""

    CLOSED = "not joined, and nothing tries to"
    JOINING = "a join has been sent, or its payload is being asked for"
    JOINED = "messages go both ways"
    ERRORED = "it is joined when there is a connection, or when its pause is over"
    LEAVING = "a leave has been sent"


class Event(Named):
    """What moves a channel."""

    WANTED = "the application wants it joined"
    JOIN = "there is a connection, and no pause"
    ACCEPTED = "the server replied ok to the join"
    REFUSED = "the join that the application waits for was refused, or came too late"
    FAILED = "the server said phx_error or refused a further join; the connection was lost"
    LEAVE = "the application wants it no more"
    ENDED = "the server said phx_close or answered the leave; there is nothing to leave"


TRANSITIONS: Final = Transitions(
    {
        (State.CLOSED, Event.WANTED): State.ERRORED,
        (State.ERRORED, Event.JOIN): State.JOINING,
        (State.ERRORED, Event.REFUSED): State.CLOSED,  # too late: there was no connection
        (State.ERRORED, Event.FAILED): State.ERRORED,
        (State.ERRORED, Event.LEAVE): State.LEAVING,
        (State.ERRORED, Event.ENDED): State.CLOSED,
        (State.JOINING, Event.ACCEPTED): State.JOINED,
        (State.JOINING, Event.REFUSED): State.CLOSED,
        (State.JOINING, Event.FAILED): State.ERRORED,
        (State.JOINING, Event.LEAVE): State.LEAVING,
        (State.JOINING, Event.ENDED): State.CLOSED,
        (State.JOINED, Event.FAILED): State.ERRORED,
        (State.JOINED, Event.LEAVE): State.LEAVING,
        (State.JOINED, Event.ENDED): State.CLOSED,
        (State.LEAVING, Event.LEAVE): State.LEAVING,
        (State.LEAVING, Event.ENDED): State.CLOSED,
        (State.CLOSED, Event.LEAVE): State.CLOSED,
    }
)
