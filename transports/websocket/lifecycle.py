"""The life of a WebSocket connection (RFC 6455 §7): every state, and all that leads out of it.

The connection ends when its actor does. So what the client does first (its Close frame, a breach of
the protocol, hanging up) is only noted, and told to the actor; the actor's end then decides what is
still sent. ``docs/architecture.md`` shows the table as a diagram, which ``make docs`` draws.
"""

from __future__ import annotations

from typing import Final

from actors.lifecycle import Named, Transitions


class State(Named):
    """What has been said, and by whom."""

    OPEN = "messages go both ways"
    PEER_CLOSED = "the client's Close frame has come; ours is due"
    FAILED = "the client broke the protocol; our Close frame is due"
    LOST = "the client hung up without a Close frame; its actor is still to hear of it"
    CLOSING = "our Close frame is sent; the client's is waited for"
    CLOSED = "nothing more is sent or read"


class Event(Named):
    """What can happen to a connection."""

    PEER_CLOSE = "the client's Close frame"
    BREACH = "bytes that break the protocol"
    HANGUP = "end of file, or a reset"
    CLOSE_SENT = "the actor ended, and our Close frame is sent"
    DROPPED = "the actor ended, and nobody is there to be told"
    TIMEOUT = "the client's Close frame did not come in time"


# Each look at a member of an Enum costs as much as a call.
OPEN, PEER_CLOSED, FAILED = State.OPEN, State.PEER_CLOSED, State.FAILED
LOST, CLOSING, CLOSED = State.LOST, State.CLOSING, State.CLOSED
PEER_CLOSE, BREACH, HANGUP = Event.PEER_CLOSE, Event.BREACH, Event.HANGUP
CLOSE_SENT, DROPPED, TIMEOUT = Event.CLOSE_SENT, Event.DROPPED, Event.TIMEOUT

TRANSITIONS: Final = Transitions(
    {
        (OPEN, PEER_CLOSE): PEER_CLOSED,
        (OPEN, BREACH): FAILED,
        (OPEN, HANGUP): LOST,
        (OPEN, CLOSE_SENT): CLOSING,
        (OPEN, DROPPED): CLOSED,
        (PEER_CLOSED, HANGUP): PEER_CLOSED,
        (PEER_CLOSED, CLOSE_SENT): CLOSED,
        (PEER_CLOSED, DROPPED): CLOSED,
        (FAILED, HANGUP): FAILED,
        (FAILED, CLOSE_SENT): CLOSED,
        (FAILED, DROPPED): CLOSED,
        (LOST, HANGUP): LOST,
        (LOST, CLOSE_SENT): CLOSING,
        (LOST, DROPPED): CLOSED,
        (CLOSING, PEER_CLOSE): CLOSED,
        (CLOSING, BREACH): CLOSED,
        (CLOSING, HANGUP): CLOSED,
        (CLOSING, TIMEOUT): CLOSED,
        (CLOSING, CLOSE_SENT): CLOSING,
        (CLOSING, DROPPED): CLOSING,
        (CLOSED, HANGUP): CLOSED,
        (CLOSED, TIMEOUT): CLOSED,
        (CLOSED, CLOSE_SENT): CLOSED,
        (CLOSED, DROPPED): CLOSED,
    }
)
