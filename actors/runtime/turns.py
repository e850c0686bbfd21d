"""What every message passes: the part of a cell that a compiled build has in C.

:class:`actors.runtime.cell.Cell` inherits :data:`Turns`, and says what its fields are; here is what
comes in, and a turn. ``track`` says how a compiled build runs the turns as a whole:
those of a raw socket by its connection (:mod:`transports.websocket.line`), those of a socket and of
its channels by what :mod:`actors.channels.hot` has.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from actors.runtime.carrier import Runnable
from actors.speedups import hot

if TYPE_CHECKING:
    from greenlet import greenlet

    from actors.reasons import Crash, Reason
    from actors.runtime.dispatcher import Dispatcher

READY: Final = "ready"


class ActorLike(Protocol):
    """What the runtime needs of an actor: the class itself imports everything here.

    What is called on it is documented there.
    """

    mailbox_messages: int
    mailbox_bytes: int
    mailbox_policy: str
    ends_others: bool

    @property
    def actor_ref(self) -> Any: ...
    @property
    def actor_urn(self) -> str: ...
    def handle_exit(self, reason: Reason) -> None: ...
    def on_batch(self, batch: Iterator[Any]) -> None: ...
    def on_blocked(self) -> None: ...
    def on_log_context(self) -> Mapping[str, str]: ...
    def log_context(self) -> Mapping[str, Any]: ...
    def on_log_secrets(self) -> tuple[object, ...]: ...
    def on_unwound(self, error: BaseException | None) -> None: ...
    def on_crash(self, reason: Crash) -> None: ...
    def on_ending(self, reason: Reason) -> None: ...
    def on_terminate(self, reason: Reason) -> None: ...
    def on_ended(self, reason: Reason, left: list[Any]) -> None: ...
    def on_killed(self) -> None: ...
    def kill_now(self) -> None: ...


class PureTurns(Runnable):
    """The hot fields and methods of a cell."""

    __slots__ = ("actor", "batch", "dispatcher", "items", "owner", "signals", "track")

    if TYPE_CHECKING:
        actor: ActorLike
        batch: Iterator[Any] | None
        dispatcher: Dispatcher
        items: list[Any]
        owner: object
        signals: list[Reason] | None
        track: Any

    def offer(self, events: list[Any]) -> bool:
        """Queue the events of one read; return whether nothing else waited or ran.

        For the poll phase alone, which the ready queue follows: nobody need be woken. The list is
        the cell's from here on.
        """
        if self.owner is None:  # its ``items`` are empty
            self.items = events
            self.owner = READY
            self.dispatcher.ready.append(self)
            return True
        self.items += events
        return False

    def add(self, events: list[Any]) -> None:
        """Queue events at any other time."""
        if self.owner is None:  # its ``items`` are empty
            self.items = events
            self.owner = READY
            self.dispatcher.schedule(self)
        else:
            self.items += events

    def add_one(self, event: Any) -> None:
        """Queue an event at any other time."""
        self.items.append(event)
        if self.owner is None:
            self.owner = READY
            self.dispatcher.schedule(self)

    def on_turn(self, carrier: greenlet) -> None:
        """Have up to ``TURN_MESSAGES`` messages handled; exit signals come first.

        Fewer of what a client sent while turns are long; not of what others tell, who count on it.
        """
        if self.owner is not READY:
            return  # killed while it was queued, or queued twice and served already
        self.owner = carrier
        items = self.items
        self.items = []
        if len(items) > 1 and len(items) > self.dispatcher.turn_messages:
            self._shorten(items)
        self.batch = batch = iter(items)
        try:
            if self.signals is not None:
                signals, self.signals = self.signals, None
                for reason in signals:
                    self.actor.handle_exit(reason)
            self.actor.on_batch(batch)
        except BaseException as error:  # noqa: BLE001 - GreenletExit and SystemExit end one actor
            self.actor.on_unwound(error)
        else:
            if self.items or self.signals is not None:  # as they are where it has ended
                self._turn_over()
            else:
                self.owner = self.batch = None

    def _shorten(self, items: list[Any]) -> None:
        raise NotImplementedError

    def _turn_over(self) -> None:
        raise NotImplementedError


Turns = PureTurns
if not TYPE_CHECKING:
    Turns = hot(PureTurns)
