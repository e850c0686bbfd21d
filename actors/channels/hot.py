"""What every message of a channel passes: from a client's frame to the place of its channel.

A compiled build has it in C, with the turns that go with it (docs/adr/0017). What is not the common
case goes to the methods that end in ``_odd``, which both builds share.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from actors.errors import InvalidMessage
from actors.serializers.message import SHORT_NAME, Frame, Incoming, Ref
from actors.speedups import hot

if TYPE_CHECKING:
    from actors.runtime.mailbox import Mailbox

MAX_WAITING: Final = 64
"""Messages that wait for one channel before its client is not read from."""

MAX_WAITING_BYTES: Final = 65536
"""The same, in bytes of their frames."""


UNKNOWN: Final[dict[str, Callable[[Any, Any], Any]]] = {}
"""The ``handlers`` of a place whose events are all to be looked at."""


class PurePlace:
    """What waits for one channel: ``waiting`` messages, whose frames have ``weight`` bytes.

    ``inbox`` is the channel's cell, once it has one; before that ``queue`` holds what comes.
    ``joined``: it handles messages; ``over``: it does not any more. ``at_hand``: the message whose
    callback runs. ``handlers`` has the methods of events whose payloads are taken as they come, and
    whose names are right. ``encode`` and ``send``: the serializer's ``reply``, and where to.
    """

    __slots__ = (
        "at_hand", "encode", "handlers", "held", "inbox", "join_ref", "joined", "over", "queue",
        "send", "topic", "waiting", "weight",
    )  # fmt: skip

    if TYPE_CHECKING:
        at_hand: Incoming | None
        encode: Callable[[Ref, Ref, str, str, object], Frame]
        handlers: dict[str, Callable[[Any, Any], Any]]
        held: bool
        inbox: Mailbox | None
        join_ref: Any
        joined: bool
        over: bool
        queue: list[Any]
        send: Callable[[Frame], object]
        topic: str
        waiting: int
        weight: int

    def offer(self, item: Any, size: int) -> None:
        """Queue a message whose frame has ``size`` bytes."""
        self.waiting = waiting = self.waiting + 1
        self.weight = weight = self.weight + size
        inbox = self.inbox
        if inbox is None:
            self.queue.append(item)
        else:
            inbox.add_one(item)
        if waiting > MAX_WAITING or weight > MAX_WAITING_BYTES:
            self.hold()

    def hold(self) -> None:
        raise NotImplementedError


class PureLobby:
    """``seats`` of one client, by topic; ``decode`` reads its frames.

    ``leaving``: nothing more is taken, as the whole connection ends. ``rated``: messages are
    counted, and each may be too many.
    """

    __slots__ = ("decode", "leaving", "rated", "seats")

    if TYPE_CHECKING:
        decode: Callable[[str | bytes], Incoming]
        leaving: bool
        rated: bool
        seats: dict[str, Any]

    def take(self, frame: str | bytes) -> None:
        """Route or answer one message; ``Exit`` ends the connection for a broken one."""
        try:
            message = self.decode(frame)
        except InvalidMessage as error:
            self.decode_odd(error, len(frame))
            return
        event = message.event
        seat = self.seats.get(message.topic)
        if (
            seat is None
            or seat.over
            or self.rated
            or message.join_ref != seat.join_ref
            or (event not in seat.handlers and (len(event) > SHORT_NAME or event[:4] == "phx_"))
        ):
            self.take_odd(message, len(frame), seat)
        else:
            seat.offer(message, len(frame))

    def decode_odd(self, error: InvalidMessage, size: int) -> None:
        raise NotImplementedError

    def take_odd(self, message: Incoming, size: int, seat: Any) -> None:
        raise NotImplementedError


Place = PurePlace
Lobby = PureLobby
if not TYPE_CHECKING:
    Place, Lobby = hot(PurePlace), hot(PureLobby)
