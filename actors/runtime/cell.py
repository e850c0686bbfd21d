"""``Cell``: the record of one actor, and the only writer of it.

Everything that the runtime knows of an actor is here: where it is in its life, what waits for it,
who runs it, who asked it, who watches it. Other modules read the fields and call the methods; a
test sees to it that they assign none. The record is no part of the actor, so that a subclass may
have attributes of these names.

``owner`` says who runs the actor: nobody before (:data:`UNBEGUN`) and after its life
(:data:`UNOWNED`); while it lives ``None`` when it is idle, :data:`READY` when it is queued for a
turn, else the greenlet that runs its turn or its ``on_start``. An actor is queued at most once
(beside a signal's turn, see :mod:`actors.runtime.reserve`), since only one who finds ``None`` there
queues it.

An idle cell owns one empty list: a deque would cost 600 bytes. A turn takes the list as a whole.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from greenlet import greenlet

from actors.reasons import Reason
from actors.runtime.dispatcher import TURN_MESSAGES, Dispatcher
from actors.runtime.lifecycle import TRANSITIONS, Event, State
from actors.runtime.turns import READY, ActorLike, Turns
from actors.speedups import compiled

# Bound here: a look-up of an enum's member costs as much as a call.
_STARTING, _CLOSING, _GONE, _STARTED = State.STARTING, State.CLOSING, State.GONE, Event.STARTED

UNBEGUN: Final = "unbegun"
UNOWNED: Final = "unowned"

MAX_NAME: Final = 200
"""Characters of what an actor says of itself."""

next_number = itertools.count(1).__next__
"""Return a number that nothing else of this process has: of an actor, or of a monitor."""


class Monitors:
    """Who watches an actor and whom it watches, by monitor number; what else its end calls."""

    __slots__ = ("callbacks", "watched", "watchers")

    def __init__(self) -> None:
        self.callbacks: list[Callable[[Cell], object]] = []
        self.watchers: dict[int, Cell] = {}
        self.watched: dict[int, Cell] = {}


class Cell(Turns):
    """The record of ``actor``, and what the dispatcher runs of it.

    ``items``: what waits, envelopes and (from a transport) bare events. ``batch``: the rest of the
    running turn. ``signals``: exit reasons, served between two messages. ``told`` and ``weight``:
    the envelopes in ``items`` and ``batch``, and their bytes. ``asked``: the envelope at hand,
    where somebody waits for its answer. ``closed``: nothing is taken any more. ``reason``: why it
    has ended. ``ref``, what waits for its end (``stopped``) and ``monitors`` are made on demand.
    """

    __slots__ = (
        "asked", "closed", "monitors", "number", "reason", "ref", "state", "stopped", "told",
        "weight",
    )  # fmt: skip

    def __init__(self, actor: ActorLike, dispatcher: Dispatcher) -> None:
        self.actor = actor
        self.dispatcher = dispatcher
        self.number = next_number()
        self.state = _STARTING
        self.closed = False
        self.reason: Reason | None = None
        self.owner: object = UNBEGUN
        self.items: list[Any] = []
        self.track: Any = None
        self.batch: Iterator[Any] | None = None
        self.signals: list[Reason] | None = None
        self.told = 0
        self.weight = 0
        self.asked: Any = None
        self.monitors: Monitors | None = None
        self.ref: Any = None
        self.stopped: Any = None

    def __str__(self) -> str:
        """Return the actor's own words for itself; bounded, and whatever its ``__str__`` does."""
        try:
            return str(self.actor)[:MAX_NAME]
        except Exception:  # noqa: BLE001 - an application's __str__
            return f"{type(self.actor).__name__} ({self.actor.actor_urn})"

    # -- what comes in, on the dispatcher's thread

    def accept(self, envelope: Any) -> bool:
        """Queue what somebody told, and see to it that the actor gets a turn.

        Returns whether it was taken: else the actor takes no more, or has no room for it.
        """
        if self.closed:
            return False
        actor, weight = self.actor, self.weight + envelope.weight
        if (
            self.told >= actor.mailbox_messages or weight > actor.mailbox_bytes
        ) and not self.admits_beyond(envelope):
            return False
        self.told += 1
        self.weight = weight
        self.items.append(envelope)
        if self.owner is None:
            if actor.ends_others:
                self._schedule()
            else:
                self.owner = READY
                self.dispatcher.schedule(self)
        return True

    def admits_beyond(self, envelope: Any) -> bool:
        """Whether an envelope is taken although the actor's bounds are reached."""
        raise NotImplementedError

    def signal(self, reason: Reason) -> None:
        """Queue an exit signal, ahead of every message; the running turn ends after its message."""
        if self.closed:
            return
        first = self.signals is None
        self.signals = [*(self.signals or ()), reason]
        self._interrupt()
        if self.owner is None or (self.owner is READY and first):
            self._schedule()  # once more where it is queued: that may be for long

    def _schedule(self) -> None:
        """Queue the actor: late, unless its turns come first (:mod:`actors.runtime.reserve`)."""
        self.owner = READY
        dispatcher = self.dispatcher
        if self.actor.ends_others:
            dispatcher.keepers.schedule(self)
        elif self.signals is not None:
            dispatcher.ends.schedule(self)
        else:
            dispatcher.schedule_late(self)

    def serve(self, track: Any) -> None:
        """Let a compiled build run turns as a whole, by ``track``; a pure one has no use for it."""
        if compiled is not None:
            self.track = track

    # -- a turn

    @property
    def kind(self) -> type:
        """The class of the actor, for the log."""
        return type(self.actor)

    def on_blocked(self) -> None:
        self.actor.on_blocked()

    def log_context(self) -> Mapping[str, str]:
        return self.actor.on_log_context()

    def log_fields(self) -> Mapping[str, Any]:
        return self.actor.log_context()

    def log_secrets(self) -> tuple[object, ...]:
        return self.actor.on_log_secrets()

    def taken(self, envelope: Any) -> None:
        """Uncount an envelope that is handled now, and remember who waits for its answer."""
        self.told -= 1
        self.weight -= envelope.weight
        if envelope.reply_to is not None:
            self.asked = envelope

    def get(self) -> Any:
        """Take the oldest envelope, as Pykka's inboxes do; a turn takes the whole list instead."""
        envelope = self.items.pop(0)
        self.told -= 1
        self.weight -= envelope.weight
        return envelope

    def answered(self) -> Any:
        """Return the envelope that is to be answered now, once; ``None`` where a kill has done it.

        Whoever calls this has to answer it.
        """
        asked, self.asked = self.asked, None
        return asked

    def take_first(self, kind: type) -> Any:
        """Take the oldest that waits, if it is an event of that ``kind``; else ``None``."""
        self._interrupt()
        return self.items.pop(0) if self.items and type(self.items[0]) is kind else None

    def leave_turn(self) -> None:
        """End the turn after the message that it is at, which is in no turn from here on."""
        self._interrupt()
        self.batch = None

    def _interrupt(self) -> None:
        """End the running turn after the message that it is at: the rest goes back."""
        if self.batch is not None:
            rest = list(self.batch)
            if rest:
                self.items[:0] = rest

    def _shorten(self, items: list[Any]) -> None:
        """Leave for later what is more than a turn may handle."""
        told = 2 * self.told >= len(items)
        most = TURN_MESSAGES if told else self.dispatcher.turn_messages
        self.items = items[most:]
        del items[most:]

    def _turn_over(self) -> None:
        self.batch = None
        if self.state is _GONE:
            self.actor.on_unwound(None)
        elif self.items or self.signals is not None:
            self._schedule()
        else:
            self.owner = None

    # -- its life

    def move(self, event: Event) -> State:
        """Go where the table says, and return where that is."""
        self.state = state = TRANSITIONS[self.state, event]
        self.closed = state is _CLOSING or state is _GONE
        return state

    def begin(self, starter: greenlet) -> None:
        """``on_start`` is about to run in ``starter``."""
        self.owner = starter

    def started(self) -> None:
        """``on_start`` has returned: what came meanwhile gets a turn."""
        self.move(_STARTED)
        self._turn_over()

    def end(self, event: Event, reason: Reason) -> list[Any]:
        """End for ``reason``, and return what nobody will handle."""
        self.move(event)
        self.reason = reason
        if self.batch is not None:
            self._interrupt()
        self.batch, self.signals = None, []  # which the running turn looks at, at its end
        self.track = None
        left, self.items = self.items, []
        return left

    def abandon(self, reason: Reason) -> None:
        """End in a forked child, where nothing is left to be done for anybody."""
        self.move(Event.KILLED)
        self.reason = reason

    def unwound(self) -> None:
        """No greenlet runs the actor any more."""
        self.owner = UNOWNED

    # -- what is made on demand: few actors are referred to, or watched

    def keep_ref(self, ref: Any) -> Any:
        """Keep the actor's reference, and return it."""
        self.ref = ref
        return ref

    def keep_stopped(self, stopped: Any) -> Any:
        """Keep who waits for the actor's end, and return it."""
        self.stopped = stopped
        return stopped

    def tables(self) -> Monitors:
        """Return who watches the actor, and whom it watches."""
        if self.monitors is None:
            self.monitors = Monitors()
        return self.monitors

    def unwatched(self) -> Monitors:
        """Forget these tables, and return them."""
        monitors, self.monitors = self.tables(), None
        return monitors

    def __len__(self) -> int:
        batch = 0 if self.batch is None else operator.length_hint(self.batch)
        return len(self.items) + batch
