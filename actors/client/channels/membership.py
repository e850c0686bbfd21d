"""One topic of a client: joined, joined again after every loss, until it is left.

:data:`~actors.client.channels.lifecycle.TRANSITIONS` has every step. The session that a membership
belongs to calls it, and does what it asks for through :class:`Line`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from actors.client.backoff import FullJitter
from actors.client.channels.lifecycle import TRANSITIONS, Event, State
from actors.client.channels.request import JOIN, LEAVE, Answer, Request
from actors.client.deadlines import Deadline
from actors.client.messages import Body
from actors.errors import ClientError, NotJoined, ReplyTimeout
from actors.results import Ok

OK = Ok({})
STAYED = 5.0
"""Seconds that it has to be joined for its pauses to begin anew."""


class Line(Protocol):
    """What a membership needs of its session."""

    def is_open(self) -> bool:
        """Whether there is a connection."""

    def send(self, membership: Membership, request: Request) -> None:
        """Send a request with a new ref, and pass its reply on."""

    def settle(self, request: Request, outcome: Answer | ClientError) -> None:
        """Say how a request ended, unless that is known."""

    def lose(self, membership: Membership, why: str) -> None:
        """Settle what was sent and not answered."""

    def unbuffered(self, request: Request) -> None:
        """A push waits no more for the join."""

    def now(self) -> float:
        """Return what the clock says."""

    def after(self, seconds: float, action: Callable[[], None]) -> Deadline:
        """Have something done later."""

    def cancel(self, deadline: Deadline | None) -> None:
        """Call it off."""

    def want_payload(self, membership: Membership, number: int) -> None:
        """Have ``send_join`` called with this number, and the payload."""

    def told_joined(self, membership: Membership, response: object) -> None:
        """It has been joined, for the first time or again."""

    def told_errored(self, membership: Membership, reason: str, *, again: bool) -> None:
        """It has failed, and is going to be joined again; ``again``: a further join has failed."""

    def told_ended(self, membership: Membership, reason: str) -> None:
        """It is closed."""


class Membership:
    """A topic, and how it stands.

    ``buffered`` are the pushes that wait until it is joined, ``unanswered`` what was sent, by ref.
    """

    def __init__(self, line: Line, topic: str, backoff: FullJitter) -> None:
        self.topic = topic
        self.state = State.CLOSED
        self.join_ref: str | None = None
        self.buffered: deque[Request] = deque()
        self.unanswered: dict[str, Request] = {}
        self._line = line
        self._backoff = backoff
        self._timeout = self._joined_at = 0.0
        self.first: Request | None = None  # the join that the application waits for
        self._wanted: Request | None = None  # the same, and after it has been settled too
        self._join: Request | None = None  # the one that is on its way
        self._leave: Request | None = None
        self._pause: Deadline | None = None
        self._number = 0

    # -- what the application wants

    def want(self, request: Request, timeout: float) -> None:
        """Have it joined; ``request`` is settled by the first answer, or when that is late."""
        self._move(Event.WANTED)
        self.first = self._wanted = request
        self._timeout = timeout
        self._backoff.reset()
        request.deadline = self._line.after(timeout, lambda: self.late(request))
        self.connected()

    def send_join(self, number: int, payload: Body) -> None:
        """Send the join whose payload was asked for; that of an earlier number is ignored."""
        if number != self._number or self.state is not State.JOINING or self._join is not None:
            return
        request = self.first
        if request is None:
            request = Request(self.topic, JOIN)
            request.deadline = self._line.after(self._timeout, lambda: self.late(request))
        request.body = payload
        self._join = request
        self._line.send(self, request)
        self.join_ref = request.ref

    def payload_failed(self, number: int, why: str) -> None:
        """There is no payload for that join: a first one is given up, a further one tried later."""
        if number != self._number or self.state is not State.JOINING or self._join is not None:
            return
        if self.first is not None:
            self._refused(self.first, NotJoined(f"{self.topic}: {why}"), "given up")
        else:
            self.failed(why)

    def leave(self, request: Request, timeout: float) -> Request:
        """Have it left; return what is settled when it is."""
        if self.state is State.LEAVING and self._leave is not None:
            return self._leave
        self._move(Event.LEAVE)
        if self.state is State.CLOSED:
            self._line.settle(request, OK)
            return request
        self._leave = request
        self._line.cancel(self._pause)
        sent = self.join_ref is not None and self._line.is_open()
        self._give_up(NotJoined(f"{self.topic}: it was left"))
        self._join = None
        if sent:
            request.deadline = self._line.after(timeout, lambda: self.ended("left"))
            self._line.send(self, request)
        else:
            self.ended("left")
        return request

    def abandon(self, request: Request) -> None:
        """Who waited for the join ``request`` was interrupted: end what came of it, at once."""
        if request is self._wanted and self.state not in {State.CLOSED, State.LEAVING}:
            self._withdraw()
            self.ended("the join was interrupted")

    # -- what happens

    def connected(self) -> None:
        """There is a connection, or a pause is over: join."""
        self._line.cancel(self._pause)
        if self.state is State.ERRORED and self._line.is_open():
            self._move(Event.JOIN)
            self._number += 1
            self._line.want_payload(self, self._number)

    def replied(self, request: Request, answer: Answer) -> None:
        """Take the reply to a request of this topic."""
        if request is self._leave:
            self.ended("left")
        elif request is not self._join:
            self._line.settle(request, answer)
        elif isinstance(answer, Ok):
            self._accepted(request, answer)
        elif request is self.first:
            self._refused(request, answer, "refused")
        else:
            self._line.settle(request, answer)
            self.failed(f"a further join was refused: {answer!r:.200}")

    def late(self, request: Request) -> None:
        """Take that a join was not answered in time; the server may still accept it: leave."""
        if request is self._join:
            self._withdraw()
        if request is self.first:
            error = ReplyTimeout(f"{self.topic}: the join was not answered in time")
            self._refused(request, error, "late")
        else:
            self.failed("a further join was not answered in time")

    def _withdraw(self) -> None:
        """Tell the server that it is left, where it may have been joined; wait for nothing."""
        if self.join_ref is not None and self._line.is_open():
            self._line.send(self, Request(self.topic, LEAVE))

    def lost(self) -> None:
        """Take that the connection is lost."""
        if self.state is State.LEAVING:
            self.ended("left")
        else:  # it is joined as soon as there is one again
            self._fail("the connection was lost", tell=self.state is State.JOINED)
            self._backoff.reset()

    def failed(self, reason: str) -> None:
        """Take a failure of the channel: it is joined again after a pause."""
        if self.state is State.LEAVING:
            self.ended("left")
        else:
            joined = self.state is State.JOINED
            if joined and self._line.now() - self._joined_at >= STAYED:
                self._backoff.reset()  # one that is accepted and fails at once is no success
            self._fail(reason, tell=self.first is None)
            self._pause = self._line.after(self._backoff.next(), self.connected)

    def _fail(self, reason: str, *, tell: bool) -> None:
        again = self.state is State.JOINING
        self._move(Event.FAILED)
        self._reset()
        self._line.lose(self, f"{self.topic}: {reason}")
        self._line.cancel(self._pause)
        if tell:
            self._line.told_errored(self, reason, again=again)

    def ended(self, reason: str) -> None:
        """Take the end: the server's, or what is left to do of a leave."""
        self._move(Event.ENDED)
        error = NotJoined(f"{self.topic}: it is closed ({reason})")
        self._line.cancel(self._pause)
        self._give_up(error)
        self._reset()
        if self._leave is not None:
            self._line.settle(self._leave, OK)
            self._leave = None
        self._line.lose(self, f"{self.topic}: {reason}")
        self._line.told_ended(self, reason)

    def _accepted(self, request: Request, answer: Ok) -> None:
        self._move(Event.ACCEPTED)
        self._joined_at = self._line.now()
        self.first = self._join = None
        self._line.settle(request, answer)
        self._line.told_joined(self, answer.value)
        while self.buffered:
            waiting = self.buffered.popleft()
            self._line.unbuffered(waiting)
            self._line.send(self, waiting)

    def _refused(self, request: Request, outcome: Answer | ClientError, why: str) -> None:
        self._move(Event.REFUSED)
        self._line.cancel(self._pause)
        self._line.settle(request, outcome)
        self._give_up(NotJoined(f"{self.topic}: the join was {why}"))
        self._reset()
        self._line.lose(self, f"{self.topic}: the join was {why}")
        self._line.told_ended(self, f"the join was {why}")

    def _give_up(self, error: ClientError) -> None:
        """Settle what has not been sent, and the join that the application waits for."""
        if self.first is not None:
            self._line.settle(self.first, error)
            self.first = None
        while self.buffered:
            waiting = self.buffered.popleft()
            self._line.unbuffered(waiting)
            self._line.settle(waiting, error)

    def _reset(self) -> None:
        self.join_ref = self._join = None

    def _move(self, event: Event) -> None:
        self.state = TRANSITIONS[self.state, event]
