"""An actor's inbox: what may be put into its cell, by whom, and how much of it."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import pykka._envelope
from greenlet import getcurrent
from pykka import ActorDeadError
from pykka.messages import _ActorStop

from actors import telemetry
from actors.crash_log import capped
from actors.errors import MailboxFull
from actors.reasons import Shutdown
from actors.runtime.cell import Cell
from actors.runtime.turns import READY

LINES: Final = capped(logging.getLogger("roost.runtime"))
"""What many actors may do at once: one line in a second for each class and kind."""

OVERFLOW: Final = Shutdown("overflow")
"""The exit reason of an actor that did not handle what it was told, by policy ``"stop"``."""

SHARED: Final = 16
"""Bytes that an envelope in many mailboxes weighs in each beside its message: its place, and some.
"""


class Envelope(pykka._envelope.Envelope[Any]):  # noqa: SLF001 - Pykka's inboxes hold these
    """One that remembers what it weighed: its message may change while it waits.

    ``round``: how many rounds of turns had been counted when it was made.
    """

    __slots__ = ("round", "weight")
    round: int
    weight: int


class SharedEnvelope(Envelope):
    """One for many mailboxes, which all hold the same message."""

    __slots__ = ()

    def __init__(self, message: Any, size: int | None, rounds: int) -> None:
        """``size``: its bytes, packed, where they are known; ``rounds``: how many were counted."""
        super().__init__(message)
        self.weight = SHARED + (max(0, weigh(message) - _EMPTY) if size is None else size)
        self.round = rounds


class SystemEnvelope:
    """One whose message the runtime itself sends, past the bounds: it sees to it that they are few.

    There is at most one :class:`~actors.messages.Down` per monitor.
    """

    __slots__ = ("message",)
    reply_to = None
    weight = 0

    def __init__(self, message: Any) -> None:
        self.message = message


class Mailbox(Cell):
    """Pykka's ``ActorInbox``: the cell of ``actor`` with ``put`` and ``empty``.

    The ``mailbox_*`` limits of the actor bound what is told and not yet handled.
    """

    __slots__ = ()

    def put(self, envelope: pykka._envelope.Envelope[Any], /) -> None:
        """Queue what somebody told or asked; callable from any thread.

        Raises :class:`MailboxFull` when the mailbox is full and its policy is ``"reject"``; not
        in another thread, whose messages are judged when they get here.
        """
        dispatcher = self.dispatcher
        if not dispatcher.on_this_thread():
            dispatcher.call_from_thread(lambda: self._put_foreign(envelope))
        else:
            ours = envelope
            if type(ours) is not Envelope:
                ours = Envelope(envelope.message, envelope.reply_to)
            ours.weight = weigh(ours.message)
            ours.round = dispatcher.rounds.number
            if not self.accept(ours) and self.closed:
                answer_dead(self, ours)

    def _put_foreign(self, envelope: pykka._envelope.Envelope[Any]) -> None:
        """Queue for another thread, which is past being told by an exception."""
        try:
            self.put(envelope)
        except Exception as error:  # noqa: BLE001 - it is for the thread that told
            if envelope.reply_to is not None:
                envelope.reply_to.set_exception((type(error), error, None))
            else:
                kind = (type(self.actor), "foreign")
                words = "a message of another thread was dropped: %s"
                LINES.log(logging.WARNING, kind, words, error)

    def admits_beyond(self, envelope: Any) -> bool:
        """Apply the declared bounds; what the runtime sends and a request to stop always pass.

        The count is judged at once where the teller is told so, and can wait. Whoever broadcasts
        cannot: that is judged by :meth:`_is_late` under every policy.
        """
        kind = type(envelope)
        if kind is SystemEnvelope or isinstance(envelope.message, _ActorStop):
            return True
        actor = self.actor
        if (
            self.weight + envelope.weight > actor.mailbox_bytes
            or (actor.mailbox_policy == "reject" and kind is Envelope)
            or self._is_late()
        ):
            self._refuse(envelope)
            return False
        return True

    def _is_late(self) -> bool:
        """Whether as many envelopes as are allowed have waited for a whole round of turns.

        And that for the actor itself, which blocks in a callback: what it could not take because
        others had their turns, or because the teller still runs, is no reason to end it.
        """
        if self.owner is READY or self.owner is None or self.owner is getcurrent():
            return False
        rounds = self.dispatcher.rounds
        rounds.watch()
        # What came last is at the end; where a client's events are between, a newer one is judged.
        items = self.items
        first = len(items) - 1 - min(self.told - self.actor.mailbox_messages, len(items) - 1)
        for index in range(first, len(items)):
            item = items[index]
            if isinstance(item, Envelope):
                # The round that was under way when it came was not a whole one.
                return item.round + 2 <= rounds.number
        return False

    def _refuse(self, envelope: Envelope) -> None:
        """Apply ``mailbox_policy`` to an envelope that is not queued."""
        policy = self.actor.mailbox_policy
        if telemetry.listens("mailbox.overflow") and OVERFLOW not in (self.signals or ()):
            telemetry.execute(
                "mailbox.overflow",
                {"messages": self.told, "bytes": self.weight},
                {"actor": type(self.actor), "policy": policy},
            )
        error = MailboxFull(f"{self} has {self.told} messages waiting")
        if policy == "reject":
            raise error
        ends = policy == "stop" and OVERFLOW not in (self.signals or ())
        if ends or policy == "drop":
            LINES.log(
                logging.WARNING,
                (type(self.actor), policy),
                "%s %s: it does not handle what it is told (%d messages, %d bytes wait)",
                self,
                "is ended" if ends else "misses a message",
                self.told,
                self.weight,
            )
        if ends:
            self.signal(OVERFLOW)
        if envelope.reply_to is not None:
            envelope.reply_to.set_exception((MailboxFull, error, None))

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not len(self)


_EMPTY: Final = sys.getsizeof("")


def weigh(message: Any) -> int:
    """Bytes that a queued message holds: its own, and its payload's when it carries one.

    What it refers to beside is not counted: that may be shared by any number of mailboxes.
    """
    payload = getattr(message, "payload", None)
    return sys.getsizeof(message) + (0 if payload is None else sys.getsizeof(payload))


def answer_dead(cell: Cell, envelope: Any, cause: BaseException | None = None) -> None:
    """Answer an envelope that nobody will handle; a request to stop the dead is granted."""
    reply_to = getattr(envelope, "reply_to", None)
    if reply_to is None:
        return
    if isinstance(envelope.message, _ActorStop):
        reply_to.set(None)
    else:
        error = ActorDeadError(f"{cell} ended before it answered")
        error.__cause__ = cause
        reply_to.set_exception((ActorDeadError, error, None))
