"""A client's connection and its channels, without I/O: what phoenix.js's ``Socket`` decides.

Whoever has a loop and a socket drives it: it says what the application wants and what the transport
saw, calls ``tick`` when ``next_deadline`` has come, and after each of these does what ``effects``
lists, in that order. Nothing here blocks, and no method may be called while another one runs.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.client.backoff import FullJitter
from actors.client.channels.lifecycle import State as ChannelState
from actors.client.channels.membership import Membership
from actors.client.channels.request import CLOSE, JOIN, LEAVE, Answer, Request, answer_of
from actors.client.connection import PHOENIX, Connection
from actors.client.effects import Delivered, Ended, Errored, Joined, PayloadWanted, Settled
from actors.client.lifecycle import State
from actors.client.messages import REPLY, Message, body_of, check_name, push
from actors.client.options import ClientOptions
from actors.errors import BufferFull, ClientError, NotJoined, ReplyLost, ReplyTimeout


class Session(Connection):
    """A connection with channels. It is also what its memberships call: their ``Line``."""

    def __init__(
        self, options: ClientOptions, *, clock: Callable[[], float], chance: Callable[[], float]
    ) -> None:
        super().__init__(options, clock=clock, chance=chance)
        self._memberships: dict[str, Membership] = {}
        self._unanswered = self._buffered = self._buffered_bytes = 0

    # -- what the application wants

    def membership(self, topic: str) -> Membership:
        """Make one for ``topic``; it takes the place of another one when it is joined."""
        check_name("topic", topic)
        if topic == PHOENIX:
            raise ValueError(f"topic {topic!r} is the protocol's own")
        options = self._options
        backoff = FullJitter(options.rejoin_first, options.rejoin_longest, self._chance)
        return Membership(self, topic, backoff)

    def join(self, membership: Membership, timeout: float | None = None) -> Request:
        """Have a topic joined until it is left. The request is settled by the first answer.

        ``ClientError`` where it is joined, or being joined, already.
        """
        if membership.state is not ChannelState.CLOSED:
            raise ClientError(f"{membership.topic}: it is {membership.state.name.lower()} already")
        if self.state in {State.CLOSED, State.CLOSING}:
            raise NotJoined(f"{membership.topic}: the client is not connected: call connect()")
        other = self._memberships.get(membership.topic)
        if other is not None:  # a server would close the older one; phoenix.js leaves it
            other.leave(Request(other.topic, LEAVE), self._options.timeout)
            if other.state is not ChannelState.CLOSED:
                other.ended("another channel has the topic")
        self._memberships[membership.topic] = membership
        request = Request(membership.topic, JOIN)
        membership.want(request, self._options.timeout if timeout is None else timeout)
        return request

    def abandon(self, membership: Membership, request: Request) -> None:
        """Nobody waits for that join any more: have the topic left, if it was not left since."""
        membership.abandon(request)

    def send_join(self, membership: Membership, number: int, payload: object) -> None:
        """Answer a ``PayloadWanted``; ``TypeError`` for what cannot be sent."""
        membership.send_join(number, body_of(payload))

    def payload_failed(self, membership: Membership, number: int, why: str) -> None:
        """Answer a ``PayloadWanted`` for which there is no payload."""
        membership.payload_failed(number, why)

    def push(
        self, membership: Membership, event: str, payload: object, timeout: float | None = None
    ) -> Request:
        """Send an event, or keep it until the channel is joined; within ``timeout`` seconds.

        :class:`~actors.errors.NotJoined` where nobody joins it, ``BufferFull`` where there is no
        room; ``TypeError`` and ``ValueError`` for what cannot be sent.
        """
        check_name("event", event)
        if event.startswith("phx_"):
            raise ValueError(f"event {event!r:.80}: phx_ is the protocol's own")
        request = Request(membership.topic, event, body_of(payload))
        if membership.state in {ChannelState.CLOSED, ChannelState.LEAVING}:
            raise NotJoined(f"{membership.topic}: join it before a push")
        joined = membership.state is ChannelState.JOINED
        self._check_room(request, joined=joined)
        seconds = self._options.timeout if timeout is None else timeout
        request.deadline = self.after(seconds, lambda: self._late(membership, request))
        if joined:
            self.send(membership, request)
        else:
            membership.buffered.append(request)
            self._buffered += 1
            self._buffered_bytes += request.size
        return request

    def leave(self, membership: Membership, timeout: float | None = None) -> Request:
        """Have a topic left; the request is settled with ``Ok`` when it is, or in ``timeout``."""
        request = Request(membership.topic, LEAVE)
        return membership.leave(request, self._options.timeout if timeout is None else timeout)

    # -- what happens to the connection

    def _up(self) -> None:
        for membership in list(self._memberships.values()):
            membership.connected()

    def _down(self) -> None:
        for membership in list(self._memberships.values()):
            membership.lost()

    def _end(self) -> None:
        for membership in list(self._memberships.values()):
            membership.ended("the client was closed")

    def _take(self, message: Message, size: int) -> None:
        membership = self._memberships.get(message.topic)
        if membership is None:
            if message.event != CLOSE:  # which follows the reply to a leave
                self.counts["unmatched"] += 1
        elif message.join_ref is not None and message.join_ref != membership.join_ref:
            self.counts["stale"] += 1
        elif message.event == REPLY:
            self._reply(membership, message)
        elif membership.join_ref is None:
            self.counts["unmatched"] += 1
        elif message.event == CLOSE:
            membership.ended("the server closed it")
        elif message.event == "phx_error":
            membership.failed("the server said phx_error")
        elif membership.state is ChannelState.LEAVING:
            self.counts["stale"] += 1
        else:
            self._effects.append(Delivered(membership, message, size))

    def _reply(self, membership: Membership, message: Message) -> None:
        request = membership.unanswered.pop(message.ref or "", None)
        if request is None:
            self.counts["unmatched"] += 1
            return
        self._unanswered -= 1
        membership.replied(request, answer_of(message))

    def _late(self, membership: Membership, request: Request) -> None:
        if request in membership.buffered:
            membership.buffered.remove(request)
            self.unbuffered(request)
        else:
            del membership.unanswered[request.ref or ""]
            self._unanswered -= 1
        words = f"{request.topic}: {request.event} was not answered in time"
        self.settle(request, ReplyTimeout(words))

    def _check_room(self, request: Request, *, joined: bool) -> None:
        options = self._options
        if joined and self._unanswered >= options.max_unanswered:
            raise BufferFull(f"{self._unanswered} pushes are not answered yet")
        if not joined and self._buffered >= options.max_buffered:
            raise BufferFull(f"{self._buffered} pushes wait to be sent")
        waiting = self._buffered_bytes + self._unsent
        if waiting + request.size > options.max_buffered_bytes:
            raise BufferFull(
                f"{waiting} bytes wait to be sent: there is no room for {request.size}"
            )

    # -- what memberships ask for (:class:`~actors.client.channels.membership.Line`)

    def send(self, membership: Membership, request: Request) -> None:
        """Send a request with a new ref, and pass its reply on."""
        ref = request.ref = self._next_ref()
        membership.unanswered[ref] = request
        self._unanswered += 1
        join_ref = ref if request.event == JOIN else membership.join_ref
        self._transmit(push(join_ref, ref, request.topic, request.event, request.body))

    def settle(self, request: Request, outcome: Answer | ClientError) -> None:
        """Say how a request ended, unless that is known."""
        if request.outcome is None:
            request.outcome = outcome
            self.cancel(request.deadline)
            self._effects.append(Settled(request))

    def lose(self, membership: Membership, why: str) -> None:
        """Settle what was sent and not answered, but for the join that may be sent again."""
        lost, membership.unanswered = membership.unanswered, {}
        self._unanswered -= len(lost)
        for request in lost.values():
            if request is not membership.first:
                self.settle(request, ReplyLost(f"{why}: {request.event} may have been handled"))

    def unbuffered(self, request: Request) -> None:
        """A push waits no more for the join."""
        self._buffered -= 1
        self._buffered_bytes -= request.size

    def want_payload(self, membership: Membership, number: int) -> None:
        """Have ``send_join`` called with this number, and the payload."""
        self._effects.append(PayloadWanted(membership, number))

    def told_joined(self, membership: Membership, response: object) -> None:
        """It has been joined, for the first time or again."""
        self._effects.append(Joined(membership, response))

    def told_errored(self, membership: Membership, reason: str, *, again: bool) -> None:
        """It has failed, and is going to be joined again; ``again``: a further join has failed."""
        self.counts["failed_rejoins"] += again
        self._effects.append(Errored(membership, reason, again))

    def told_ended(self, membership: Membership, reason: str) -> None:
        """It is closed."""
        del self._memberships[membership.topic]
        self._effects.append(Ended(membership, reason))
