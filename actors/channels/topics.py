"""What a client's messages are about: heartbeats, joins, leaves, and the rest by topic.

One :class:`Topics` for each connection; it is between the connection's actor and its seats. The
wire is Phoenix's (``Phoenix.Socket``, version 1.7.19); docs/channels.md has the table.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from actors.channels import telling
from actors.channels.hot import MAX_WAITING_BYTES, Lobby
from actors.channels.rates import Rate
from actors.channels.seat import Seat, State
from actors.errors import InvalidMessage
from actors.publish_message import RESERVED
from actors.reasons import Failure, Reason, Shutdown
from actors.runtime.exits import ActorKilled, Exit
from actors.serializers.message import Frame, Incoming, Ref, is_too_long

if TYPE_CHECKING:
    from actors.channels.routes import Routes
    from actors.channels.seat import Occupant
    from actors.runtime.dispatcher import Dispatcher
    from actors.runtime.mailbox import Mailbox
    from actors.runtime.timers import Timer
    from actors.serializers.message import Serializer
    from actors.socket import ChannelTransport

FLOOD: Final = Shutdown("flood")

JOINING = State.JOINING


class Owner(Protocol):
    """The connection's actor, and the limits of its class."""

    max_channels: ClassVar[int]
    max_join_rate: ClassVar[float]
    max_message_rate: ClassVar[float | None]
    channel_shutdown: ClassVar[float]
    actor_inbox: Mailbox

    @property
    def routes(self) -> Routes:
        """Which topic belongs to which channel."""

    @property
    def assigns(self) -> Any:
        """What ``connect`` accepted with."""

    @property
    def vsn(self) -> str:
        """The version that its client speaks."""

    @property
    def dispatcher(self) -> Dispatcher:
        """The process's."""


class Topics(Lobby):
    """The seats of one client, by topic."""

    __slots__ = (
        "_end", "_joins", "_message_rate", "_messages", "_serializer", "_socket", "_transport",
        "encode", "send",
    )  # fmt: skip

    def __init__(self, socket: Owner, transport: ChannelTransport, serializer: Serializer) -> None:
        self._socket = socket
        self._transport = transport
        self._serializer = serializer
        self.seats = {}
        self.decode = serializer.decode
        self.encode: Callable[[Ref, Ref, str, str, object], Frame] = serializer.reply
        self.send: Callable[[Frame], object] = transport.send
        self._message_rate = socket.max_message_rate
        self.rated = self._message_rate is not None
        self._joins: Rate | None = None
        self._messages: Rate | None = None
        self._end: Reason | None = None
        self.leaving = False

    def __len__(self) -> int:
        return len(self.seats)

    @property
    def serializer(self) -> Serializer:
        """The serializer that the client chose."""
        return self._serializer

    def seat(self, topic: str) -> Seat | None:
        """Return the seat of a topic, if it has one."""
        return self.seats.get(topic)

    # -- from the client

    def decode_odd(self, error: InvalidMessage, size: int) -> None:
        """End the connection for a message of ``size`` that cannot be read."""
        name = type(self._socket).__name__
        telling.LINES.log(logging.INFO, name, "%s: closed a client: %s", name, error)
        telling.undecodable(type(self._socket), self._socket.vsn, size, error)
        raise Exit(Failure(error)) from None

    def take_odd(self, message: Incoming, size: int, seat: Seat | None) -> None:
        """Route or answer what may be no event for a channel that is there to handle it."""
        event = message.event
        if event[:4] == RESERVED:
            self._control(message, size, seat)
        elif seat is None or seat.over:
            self._take_unjoined(message)
        elif not seat.means(message.join_ref):
            pass  # sent to a join that is over
        elif is_too_long(event):
            self._refuse(message, "unknown event", seat.join_ref)
        elif self._message_rate is None or self._is_within(self._message_rate, message, seat):
            seat.offer(message, size)

    def _take_unjoined(self, message: Incoming) -> None:
        if message.topic == "phoenix" and message.event == "heartbeat":
            # A sign of life to any client, also to one that gave no ref.
            self._transport.send(self._serializer.reply(None, message.ref, "phoenix", "ok", {}))
        elif is_too_long(message.topic):
            self._refuse(message, "invalid topic")
        else:
            self._refuse(message, "unmatched topic")

    def _is_within(self, rate: float, message: Incoming, seat: Seat) -> bool:
        """Whether the client keeps to ``max_message_rate``; where it does not it is told so."""
        now = self._socket.dispatcher.timers.now()
        if self._messages is None:
            self._messages = Rate(rate, max(1.0, rate), now)
        if self._messages.spend(now):
            return True
        if self._messages.flooded:
            raise Exit(FLOOD)
        self._refuse(message, "rate limited", seat.join_ref)
        return False

    def _refuse(self, message: Incoming, reason: str, join_ref: Ref = None) -> None:
        telling.refused(type(self._socket), message.topic, reason)
        self.reply(join_ref, message.ref, message.topic, "error", {"reason": reason})

    def _control(self, message: Incoming, size: int, seat: Seat | None) -> None:
        """Join, leave, or an event that only a server sends."""
        if message.event == "phx_join":
            self._join(message, size, seat)
        elif message.event != "phx_leave":
            self._refuse(message, "unknown event", None if seat is None else seat.join_ref)
        elif seat is None:
            self.reply(message.join_ref, message.ref, message.topic, "ok", {})
        elif seat.means(message.join_ref):
            seat.leave(message)

    def _join(self, message: Incoming, size: int, earlier: Seat | None) -> None:
        socket, topic = self._socket, message.topic
        now = socket.dispatcher.timers.now()
        if self._joins is None:
            self._joins = Rate(socket.max_join_rate, float(socket.max_channels), now)
        if not self._joins.spend(now):
            if self._joins.flooded:
                raise Exit(FLOOD)
            self._refuse(message, "too many joins", message.join_ref)
            return
        if is_too_long(topic):
            self._refuse(message, "invalid topic")
            return
        match = None if topic == "phoenix" else socket.routes.match(topic)  # that of heartbeats
        if match is None:
            name = type(socket).__name__
            words = "%s: ignored the join of an unmatched topic %.100r"
            telling.LINES.log(logging.WARNING, (name, "unmatched"), words, name, topic)
            self._refuse(message, "unmatched topic")
            return
        if earlier is None and len(self.seats) >= socket.max_channels:
            self._refuse(message, "too many channels joined", message.join_ref)
            return
        channel_class = match.route.channel
        seat = self.seats[topic] = Seat(
            self,
            message,
            channel_class,
            subtopic=match.subtopic,
            assigns=_own(socket.assigns, match.route.assigns),
            patience=channel_class.join_timeout,
            grace=socket.channel_shutdown,
        )
        if size > MAX_WAITING_BYTES:
            seat.hold()
        if earlier is not None:
            seat.replace(earlier)
        if seat.earlier is None:
            seat.begin()

    # -- from seats

    def reply(self, join_ref: Ref, ref: Ref, topic: str, status: str, response: object) -> None:
        """Send a reply to ``ref``; without one the client wants none."""
        if ref is not None:
            self._transport.send(self._serializer.reply(join_ref, ref, topic, status, response))

    def push(self, join_ref: Ref, ref: Ref, topic: str, event: str, payload: object) -> None:
        """Send a message."""
        self._transport.send(self._serializer.push(join_ref, ref, topic, event, payload))

    def occupy(self, seat: Seat) -> Occupant:
        """Make the channel of a seat."""
        channel: Occupant = seat.channel_class(seat, self._socket)
        return channel

    def free(self, seat: Seat, earlier: Seat | None = None) -> None:
        """Forget a seat of which nothing runs; the connection ends with its last one."""
        if self.seats.get(seat.topic) is seat:
            if earlier is None:
                del self.seats[seat.topic]
            else:
                self.seats[seat.topic] = earlier
        if self._end is not None and not self.seats:
            self._socket.actor_inbox.signal(self._end)

    def hold(self) -> None:
        """Stop reading the client: one of its channels is behind."""
        self._transport.hold()

    def release(self) -> None:
        """Read it again, unless another channel is behind."""
        self._transport.release()

    def call_later(self, seconds: float, function: Callable[[], None]) -> Timer:
        """Call ``function`` on the loop, in ``seconds``."""
        return self._socket.dispatcher.timers.call_later(seconds, function)

    # -- the end

    def close(self, reason: Reason, *, drain: bool) -> bool:
        """End all channels; return whether some have not ended yet.

        With ``drain`` they end after what was routed to them before. The connection's actor gets
        ``reason`` as an exit signal when the last one has ended.
        """
        self._end, self.leaving = reason, True
        for seat in list(self.seats.values()):
            if drain:
                seat.drain()
            else:
                seat.exit(reason)
        return bool(self.seats)

    def kill(self) -> None:
        """End all channels at once, as the connection's actor has ended."""
        self._end, self.leaving = None, True
        self.kill_late()
        self.seats.clear()

    def cancel_joins(self) -> None:
        """Refuse the joins that still run, and end them."""
        for seat in list(self.seats.values()):
            if seat.state is JOINING:
                seat.cancel_join()

    def kill_late(self) -> None:
        """End the channels that have not ended by themselves in time."""
        for seat in list(self.seats.values()):
            try:
                (seat.earlier or seat).kill()  # who waits for another has no channel yet
            except ActorKilled:
                pass  # the caller's own channel, which ends when it has unwound


def _own(assigns: Any, routed: Mapping[str, Any]) -> Any:
    """Return the assigns of a channel: its own copy of a mapping, with the route's over it."""
    if isinstance(assigns, Mapping):
        return {**assigns, **routed}
    return assigns
