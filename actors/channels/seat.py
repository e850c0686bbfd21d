"""One topic of one client: what the protocol says about joining, leaving and ending.

:data:`TRANSITIONS` has every step of a seat's life:

=========  ===================================================================
WAITING    the topic's earlier channel has not ended; what comes is kept
JOINING    the channel's ``join`` runs, or is going to
JOINED     the channel handles messages
OVER       the client knows of the end; ``terminate`` may still run
=========  ===================================================================

However a channel ends, :meth:`Seat.end` is called before its ``terminate``, and
:meth:`Seat.gone` when nothing of it runs any more.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from actors.channels import telling
from actors.channels.hot import UNKNOWN, Place
from actors.channels.items import Drain, Join, Leave
from actors.reasons import Reason, Shutdown
from actors.serializers.message import Frame, Incoming, Ref

if TYPE_CHECKING:
    from actors.runtime.mailbox import Mailbox
    from actors.runtime.timers import Timer

LEFT: Final = Shutdown("left")
DUPLICATE: Final = Shutdown("duplicate")
DRAINING: Final = Shutdown("draining")
OVERFLOW: Final = Shutdown("overflow")


class State(enum.Enum):
    """Where a seat is in its life."""

    WAITING = "waiting"
    JOINING = "joining"
    JOINED = "joined"
    OVER = "over"


class Event(enum.Enum):
    """What moves a seat on."""

    BEGIN = "begin"
    ACCEPT = "accept"
    END = "end"


TRANSITIONS: Final[Mapping[tuple[State, Event], State]] = {
    (State.WAITING, Event.BEGIN): State.JOINING,
    (State.WAITING, Event.END): State.OVER,
    (State.JOINING, Event.ACCEPT): State.JOINED,
    (State.JOINING, Event.END): State.OVER,
    (State.JOINED, Event.END): State.OVER,
}
"""A step that is not here is a ``KeyError``, and a mistake of ours."""


class Occupant(Protocol):
    """What a seat needs of its channel."""

    actor_inbox: Mailbox

    def on_begin(self) -> Any:
        """Start the actor."""

    def kill_now(self) -> None:
        """End it at once."""


class Connection(Protocol):
    """What a seat needs of its client's connection."""

    encode: Callable[[Ref, Ref, str, str, object], Frame]
    """Its serializer's ``reply``."""

    send: Callable[[Frame], object]
    """Send what was encoded."""

    leaving: bool
    """Whether the whole connection ends: then the client is not told of the end of a topic."""

    def reply(self, join_ref: Ref, ref: Ref, topic: str, status: str, response: object) -> None:
        """Send a reply, unless there is no ref."""

    def push(self, join_ref: Ref, ref: Ref, topic: str, event: str, payload: object) -> None:
        """Send a message."""

    def occupy(self, seat: Seat) -> Occupant:
        """Make the channel of a seat."""

    def free(self, seat: Seat, earlier: Seat | None = None) -> None:
        """Forget a seat of which nothing runs; ``earlier`` is the topic's again, if it is one."""

    def hold(self) -> None:
        """Stop reading the client, once more."""

    def release(self) -> None:
        """Take one :meth:`hold` back."""

    def call_later(self, seconds: float, function: Callable[[], None]) -> Timer:
        """Call ``function`` on the loop; it must not block."""


class Seat(Place):
    """The place of a channel, from its join to its end.

    ``channel_class`` and ``subtopic`` are those of the route that matched, ``assigns`` are the
    channel's own. ``patience``: seconds that ``join`` may take; ``grace``: those that the channel
    may take to end for a later join.
    """

    __slots__ = (
        "answered",
        "assigns",
        "begun",
        "channel",
        "channel_class",
        "closes",
        "connection",
        "earlier",
        "grace",
        "heir",
        "leaves",
        "patience",
        "ref",
        "state",
        "subtopic",
        "timer",
        "told_ref",
    )

    def __init__(
        self,
        connection: Connection,
        join: Incoming,
        channel_class: type[Any],
        *,
        subtopic: str,
        assigns: Any,
        patience: float,
        grace: float,
    ) -> None:
        self.connection = connection
        self.channel_class = channel_class
        self.subtopic = subtopic
        self.assigns = assigns
        self.patience = patience
        self.grace = grace
        self.topic = join.topic
        # As recorded: a join without a join_ref is known by its ref, but told its end without one.
        self.join_ref = join.ref if join.join_ref is None else join.join_ref
        self.told_ref = join.join_ref
        self.ref = join.ref
        self.state = State.WAITING
        self.channel: Occupant | None = None
        self.queue = [Join(join.payload)]
        self.encode, self.send = connection.encode, connection.send
        self.inbox = self.at_hand = None
        self.handlers = UNKNOWN
        self.joined = self.over = False
        self.earlier: Seat | None = None
        self.heir: Seat | None = None
        self.closes: list[Ref] = []
        self.timer: Timer | None = None
        self.leaves: Leave | None = None
        self.waiting = 0
        self.weight = 0
        self.held = self.answered = self.begun = False

    def means(self, join_ref: Ref) -> bool:
        """Whether a message with ``join_ref`` is meant for this join; one without is."""
        mine = self.join_ref
        if join_ref == mine or join_ref is None or mine is None:
            return True
        return str(join_ref) == str(mine)  # binary frames have refs as text

    def _step(self, event: Event) -> None:
        self.state = state = TRANSITIONS[self.state, event]
        self.joined, self.over = state is State.JOINED, state is State.OVER

    # -- the client's side

    def begin(self) -> None:
        """Start the channel, which runs ``join`` in a turn of its own."""
        self._step(Event.BEGIN)
        self.earlier = None
        channel = self.channel = self.connection.occupy(self)
        channel.on_begin()
        self.timer = self.connection.call_later(self.patience, self._join_is_late)
        items, self.queue = self.queue, []
        self.inbox = channel.actor_inbox
        self.inbox.add(items)

    def hold(self) -> None:
        """Have the client read no more, until the channel has caught up."""
        if not self.held:
            self.held = True
            self.connection.hold()

    def caught_up(self) -> None:
        """Learn that all that was offered has been handled, or never will be."""
        self.waiting = self.weight = 0
        if self.held:
            self.held = False
            self.connection.release()

    def leave(self, message: Incoming) -> None:
        """End after what the client sent before; at once where its join waits for something."""
        if self.state is State.JOINED:
            self.offer(Leave(message.ref), 0)
        elif self.state is State.JOINING and not self.begun and self.leaves is None:
            self.leaves = Leave(message.ref)
            self.offer(self.leaves, 0)
        else:
            self.connection.reply(message.join_ref, message.ref, self.topic, "ok", {})
            self.cancel_join()

    def join_blocks(self) -> None:
        """Learn that ``join`` blocks: who has left meanwhile does not wait for it."""
        leaves = self.leaves
        if leaves is not None and self.state is State.JOINING:
            self.connection.reply(self.join_ref, leaves.ref, self.topic, "ok", {})
            leaves.ref = None  # it is answered
            self.cancel_join()

    def cancel_join(self) -> None:
        """Refuse a join that has not been answered, and end what runs of it."""
        if self.state is not State.OVER:
            self.refuse("join cancelled")
            if self.channel is not None:
                self.channel.kill_now()
            else:
                self._stand_back()

    def _stand_back(self) -> None:
        """Leave the line, in which the earlier channel is the last one again."""
        earlier, self.earlier = self.earlier, None
        if earlier is not None:
            earlier.heir = None
        self.connection.free(self, earlier)

    def replace(self, earlier: Seat) -> None:
        """Take over from ``earlier``, and begin when nothing of its channel runs any more."""
        if earlier.state is State.WAITING:
            self.earlier, earlier.earlier = earlier.earlier, None
            earlier.refuse("join replaced")
        else:
            self.earlier = earlier
            earlier.be_replaced()
        if self.earlier is not None:
            self.earlier.heir = self

    def be_replaced(self) -> None:
        """End for a later join of the topic; a ``join`` that still runs has come too late."""
        self.refuse("join replaced")
        if self.channel is not None:
            self.channel.actor_inbox.signal(DUPLICATE)
        self._cancel()
        self.timer = self.connection.call_later(self.grace, self.kill)

    # -- the channel's side

    def accepted(self, response: object) -> None:
        """Tell the client that it has joined; what ended for that is told behind."""
        self.connection.reply(self.told_ref, self.ref, self.topic, "ok", response)
        self._step(Event.ACCEPT)
        self._cancel()
        self._tell_closes()

    def refuse(self, response: object) -> None:
        """Answer a join that does not succeed, which is all that the client hears of it."""
        if self.state is State.WAITING or self.state is State.JOINING:
            telling.refused(self.channel_class, self.topic, response)
            if isinstance(response, str):
                response = {"reason": response}
            # First, as what cannot be encoded is no answer: that of a crash follows.
            self.connection.reply(self.told_ref, self.ref, self.topic, "error", response)
            self._step(Event.END)
            self._cancel()
            self._tell_closes()
            queued, self.queue = self.queue, []
            self._answer(queued)

    def end(self, reason: Reason, left: list[Any]) -> None:
        """Tell the client that the channel ends for ``reason``; a second call does nothing.

        ``left``: what waits for it, and will not be handled.
        """
        if self.state is State.JOINED:
            self._step(Event.END)
            if reason.clean:  # a client forgets the channel at phx_close, and its leave with it
                self._answer([item for item in left if type(item) is Leave])
                left = [item for item in left if type(item) is not Leave]
            self._tell_end(reason)
        else:
            self.refuse("join crashed")
        if not self.answered:
            self.answered = True
            self._answer(left)

    def killed(self) -> None:
        """Learn of a kill: :meth:`gone` follows when that has unwound and ``terminate`` has run.

        It is not waited for longer than ``grace``, nor where the whole connection ends.
        """
        if self.connection.leaving:
            self.gone()
        else:
            self._cancel()
            self.timer = self.connection.call_later(self.grace, self.gone)

    def gone(self) -> None:
        """Learn that nothing of the channel runs any more, or is not waited for."""
        if self.channel is None:
            return
        self._cancel()
        self.channel = self.inbox = None
        self.connection.free(self)
        heir, self.heir = self.heir, None
        if heir is not None and not self.connection.leaving:
            heir.begin()

    def _tell_end(self, reason: Reason) -> None:
        if self.connection.leaving:
            return
        if self.heir is not None:  # its own reply comes before this
            self.heir.closes.append(self.told_ref)
        elif reason.clean and reason != OVERFLOW:
            self._tell("phx_close", {})
        else:
            self._tell("phx_error", {"reason": "channel_crash"})

    def _tell(self, event: str, payload: object) -> None:
        self.connection.push(self.told_ref, self.told_ref, self.topic, event, payload)

    def _tell_closes(self) -> None:
        closes, self.closes = self.closes, []
        for join_ref in closes:
            self.connection.push(join_ref, join_ref, self.topic, "phx_close", {})

    def _answer(self, left: list[Any]) -> None:
        """Reply to what nobody will handle: no push stays without an answer."""
        for item in left:
            kind = type(item)
            if kind is Leave:
                self.connection.reply(self.join_ref, item.ref, self.topic, "ok", {})
            elif kind is Incoming:
                unmatched = {"reason": "unmatched topic"}
                self.connection.reply(None, item.ref, self.topic, "error", unmatched)
                telling.refused(self.channel_class, self.topic, "unmatched topic")
        self.caught_up()

    # -- the server's side

    def drain(self) -> None:
        """End after what was routed to the channel before."""
        if self.channel is None:
            self.refuse("join cancelled")
            self._stand_back()
        else:
            self.channel.actor_inbox.add_one(Drain())

    def exit(self, reason: Reason) -> None:
        """End, as the connection does; a ``join`` that still runs has come too late."""
        self.refuse("join cancelled")
        if self.channel is None:
            self._stand_back()
        else:
            self.channel.actor_inbox.signal(reason)

    def kill(self) -> None:
        """End at once."""
        if self.channel is not None:
            self.channel.kill_now()

    def _join_is_late(self) -> None:
        self.refuse("join timeout")
        self.kill()

    def _cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
