"""The life of an HTTP exchange: how a request becomes an answer, and what can come between.

A connection of our own server (:class:`~transports.http.connection.HTTPConnection`) goes round
until it closes. Inside somebody else's server an exchange
(:class:`~transports.wsgi.exchange.Exchange`) goes through it once.
"""

from __future__ import annotations

from typing import Final

from actors.lifecycle import Named, Transitions


class State(Named):
    """Who has the request, and how far its answer is."""

    WAITING = "a request is waited for, or its head has not been judged"
    JUDGED = "its head was judged; its body is still to come"
    HELD = "it waits until it may proceed"
    QUEUED = "it is whole; its handler waits for a carrier"
    HANDLED = "its handler has it"
    WRITTEN = "its handler writes the answer to the stream"
    ANSWERED = "its answer is there, and is still to be sent"
    BROKEN = "an answer came while another was being written; the connection must break off"
    HANDED_OVER = "another protocol has the stream"
    CLOSED = "nothing more is answered"


class Event(Named):
    """What can happen to an exchange."""

    ADMIT = "the judge of its head lets the body come"
    HOLD = "who judges its head, or handles it, has it wait"
    PROCEED = "it waited long enough; its body may come"
    COMPLETE = "it is whole"
    START = "a carrier runs its handler"
    BEGIN = "the handler writes the first byte of the answer"
    FINISH = "the handler has written the last one"
    RESPOND = "somebody has an answer"
    SENT = "that answer is sent"
    HAND_OVER = "the handler gives the stream away"
    CLOSE = "the server closes the connection, or refuses the request"
    LOST = "the client is gone"


# Each look at a member of an Enum costs as much as a call.
WAITING, JUDGED, HELD = State.WAITING, State.JUDGED, State.HELD
QUEUED, HANDLED, WRITTEN = State.QUEUED, State.HANDLED, State.WRITTEN
ANSWERED, BROKEN = State.ANSWERED, State.BROKEN
HANDED_OVER, CLOSED = State.HANDED_OVER, State.CLOSED
COMPLETE, START, RESPOND, SENT = Event.COMPLETE, Event.START, Event.RESPOND, Event.SENT
ADMIT, HOLD, PROCEED, BEGIN = Event.ADMIT, Event.HOLD, Event.PROCEED, Event.BEGIN
FINISH, HAND_OVER, CLOSE, LOST = Event.FINISH, Event.HAND_OVER, Event.CLOSE, Event.LOST

TRANSITIONS: Final = Transitions(
    {
        (WAITING, ADMIT): JUDGED,
        (WAITING, HOLD): HELD,
        (WAITING, COMPLETE): QUEUED,
        (WAITING, CLOSE): CLOSED,
        (WAITING, LOST): CLOSED,
        (WAITING, RESPOND): WAITING,  # to a request that was answered before
        (WAITING, FINISH): WAITING,
        (JUDGED, COMPLETE): QUEUED,
        (JUDGED, CLOSE): CLOSED,
        (JUDGED, LOST): CLOSED,
        (JUDGED, RESPOND): JUDGED,
        (JUDGED, FINISH): JUDGED,
        (HELD, PROCEED): JUDGED,
        (HELD, COMPLETE): QUEUED,
        (HELD, RESPOND): ANSWERED,
        (HELD, CLOSE): CLOSED,
        (HELD, LOST): CLOSED,
        (QUEUED, HOLD): HELD,
        (QUEUED, START): HANDLED,
        (QUEUED, RESPOND): ANSWERED,
        (QUEUED, LOST): CLOSED,
        (HANDLED, HOLD): HELD,  # whole, so it is handled anew
        (HANDLED, BEGIN): WRITTEN,
        (HANDLED, FINISH): WAITING,
        (HANDLED, RESPOND): ANSWERED,
        (HANDLED, HAND_OVER): HANDED_OVER,
        (HANDLED, LOST): CLOSED,
        (WRITTEN, BEGIN): WRITTEN,
        (WRITTEN, FINISH): WAITING,
        (WRITTEN, RESPOND): BROKEN,
        (WRITTEN, HAND_OVER): HANDED_OVER,
        (WRITTEN, LOST): CLOSED,
        (ANSWERED, SENT): WAITING,
        (ANSWERED, BEGIN): BROKEN,
        (ANSWERED, FINISH): ANSWERED,
        (ANSWERED, RESPOND): ANSWERED,
        (ANSWERED, HAND_OVER): HANDED_OVER,
        (ANSWERED, LOST): CLOSED,
        (BROKEN, BEGIN): BROKEN,
        (BROKEN, FINISH): WAITING,
        (BROKEN, RESPOND): BROKEN,
        (BROKEN, HAND_OVER): HANDED_OVER,
        (BROKEN, CLOSE): CLOSED,
        (BROKEN, LOST): CLOSED,
        (HANDED_OVER, FINISH): HANDED_OVER,
        (HANDED_OVER, RESPOND): HANDED_OVER,
        (HANDED_OVER, LOST): HANDED_OVER,
        (CLOSED, HOLD): CLOSED,
        (CLOSED, BEGIN): CLOSED,  # its handler learns by the stream that nobody reads
        (CLOSED, FINISH): CLOSED,
        (CLOSED, RESPOND): CLOSED,
        (CLOSED, HAND_OVER): CLOSED,  # whose protocol learns it at once
        (CLOSED, CLOSE): CLOSED,
        (CLOSED, LOST): CLOSED,
    }
)


class Exchanging:
    """A base of what goes through that; it has ``state``, which is :data:`WAITING` at first."""

    __slots__ = ("state",)

    state: State

    def move(self, event: Event) -> bool:
        """Go where ``event`` leads; return whether that is another state."""
        before, self.state = self.state, TRANSITIONS[self.state, event]
        return self.state is not before

    @property
    def begun(self) -> bool:
        """Whether the handler writes the answer itself. It says so before the first byte."""
        return self.state is WRITTEN or self.state is BROKEN

    @begun.setter
    def begun(self, begun: bool) -> None:
        if begun:
            self.move(BEGIN)
