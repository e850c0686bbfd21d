"""An actor's inbox: a list that a turn takes as a whole, and a signal channel ahead of it.

An idle mailbox owns one empty list (a deque would cost 600 bytes). ``owner`` says where the actor
is: :data:`STARTING` before and :data:`GONE` after its life, ``None`` idle, :data:`READY` queued
for a turn, else the greenlet that runs its turn or its ``on_start``.
"""

from __future__ import annotations

import logging
import operator
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from greenlet import getcurrent
from pykka import ActorDeadError
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from actors.errors import MailboxFull
from actors.reasons import Reason, Shutdown
from actors.runtime import registry

if TYPE_CHECKING:
    from actors.runtime.actor import Actor
    from actors.runtime.dispatcher import Dispatcher
    from actors.runtime.monitors import Monitors
    from actors.runtime.ref import Ref, Stopped

logger = logging.getLogger("roost.runtime")

STARTING: Final = "starting"
READY: Final = "ready"
GONE: Final = "gone"

OVERFLOW: Final = Shutdown("overflow")
"""The exit reason of an actor that did not handle what it was told, by policy ``"stop"``."""

SHARED: Final = 16
"""Bytes that a letter in many mailboxes weighs in each beside its message: its place, and some."""


class Letter(Envelope[Any]):
    """An envelope that remembers what it weighed: its message may change while it waits.

    ``round``: how many rounds of turns had been counted when it was made.
    """

    __slots__ = ("round", "weight")
    round: int
    weight: int


class Mailbox:
    """Pykka's ``ActorInbox``: ``put``, ``get``, ``empty``; and what the runtime needs beside.

    ``items``: what waits, letters and (from a transport) bare events. ``batch``: the rest of the
    running turn. ``signals``: exit reasons, served between two messages. ``told`` and ``weight``:
    the letters in ``items`` and ``batch`` and their bytes, which the actor's ``mailbox_*`` limits
    bound. ``closed``: nothing is taken any more. The rest is the runtime's book on the actor, kept
    here so that a subclass may have attributes of those names: ``number`` in the registry, the
    ``asker`` of the message at hand, the ``stop_reply`` that is due at the end, who waits for it
    (``stopped``), its ``monitors``, the ``reason`` that it ended for and its ``ref``.
    """

    __slots__ = (
        "actor",
        "asker",
        "batch",
        "closed",
        "dispatcher",
        "items",
        "monitors",
        "number",
        "owner",
        "reason",
        "ref",
        "signals",
        "stop_reply",
        "stopped",
        "told",
        "weight",
    )

    def __init__(self, actor: Actor, dispatcher: Dispatcher) -> None:
        self.actor = actor
        self.dispatcher = dispatcher
        self.items: list[Any] = []
        self.batch: Iterator[Any] | None = None
        self.signals: list[Any] | None = None
        self.owner: object = STARTING
        self.told = 0
        self.weight = 0
        self.closed = False
        self.number = registry.number()
        self.asker: Any = None
        self.stop_reply: Any = None
        self.stopped: Stopped | None = None
        self.monitors: Monitors | None = None
        self.reason: Reason | None = None
        self.ref: Ref[Any] | None = None

    def put(self, envelope: Envelope[Any], /) -> None:
        """Queue what somebody told or asked; callable from any thread.

        Raises :class:`MailboxFull` when the mailbox is full and its policy is ``"reject"``; not
        in another thread, whose messages are judged when they get here.
        """
        dispatcher = self.dispatcher
        if not dispatcher.on_this_thread():
            dispatcher.call_from_thread(lambda: self._put_foreign(envelope))
        elif self.closed:
            answer_dead(self.actor, envelope)
        else:
            letter = envelope
            if type(letter) is not Letter:
                letter = Letter(envelope.message, envelope.reply_to)
            if self._admit(letter):
                self.items.append(letter)
                self.wake()

    def _put_foreign(self, envelope: Envelope[Any]) -> None:
        """Queue for another thread, which is past being told by an exception."""
        try:
            self.put(envelope)
        except Exception as error:  # noqa: BLE001 - it is for the thread that told
            if envelope.reply_to is not None:
                envelope.reply_to.set_exception((type(error), error, None))
            else:
                logger.warning("a message of another thread was dropped: %s", error)

    def put_shared(self, letter: Letter) -> bool:
        """Queue a letter that other mailboxes hold too, of :func:`shared`; on this thread alone.

        Answers whether it was taken: else the mailbox is full, and its policy was applied as in
        :meth:`put`, or the actor has ended. Whoever broadcasts cannot be told to wait, so the count
        is judged by :meth:`_is_late` under every policy.
        """
        if self.closed:
            return False
        actor = self.actor
        weight = self.weight + letter.weight
        if (
            self.told >= actor.mailbox_messages and self._is_late()
        ) or weight > actor.mailbox_bytes:
            self._refuse(letter)
            return False
        self.told += 1
        self.weight = weight
        self.items.append(letter)
        if self.owner is None:
            self.owner = READY
            self.dispatcher.schedule(actor)
        return True

    def _admit(self, letter: Letter) -> bool:
        """Apply the declared bounds; a request to stop always passes.

        The count is judged at once where the teller is told so, and can wait.
        """
        actor = self.actor
        letter.weight = weigh(letter.message)
        letter.round = self.dispatcher.rounds.number
        weight = self.weight + letter.weight
        full = weight > actor.mailbox_bytes
        if not full and self.told >= actor.mailbox_messages:
            full = actor.mailbox_policy == "reject" or self._is_late()
        if full and not isinstance(letter.message, _ActorStop):
            self._refuse(letter)
            return False
        self.told += 1
        self.weight = weight
        return True

    def _is_late(self) -> bool:
        """Whether as many letters as are allowed have waited for a whole round of turns.

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
            if type(item) is Letter:
                # The round that was under way when it came was not a whole one.
                return item.round + 2 <= rounds.number
        return False

    def _refuse(self, letter: Letter) -> None:
        """Apply ``mailbox_policy`` to a letter that is not queued."""
        policy = self.actor.mailbox_policy
        error = MailboxFull(f"{self.actor} has {self.told} messages waiting")
        if policy == "reject":
            raise error
        if policy == "stop" and OVERFLOW not in (self.signals or ()):
            logger.warning(
                "%s is ended: it does not handle what it is told (%d messages, %d bytes wait)",
                self.actor,
                self.told,
                self.weight,
            )
            self.signal(OVERFLOW)
        if letter.reply_to is not None:
            letter.reply_to.set_exception((MailboxFull, error, None))

    def signal(self, reason: Any) -> None:
        """Queue an exit signal, ahead of every message; the running turn ends after its message."""
        if self.closed:
            return
        first = self.signals is None
        if self.signals is None:
            self.signals = []
        self.signals.append(reason)
        self.interrupt()
        if self.owner is None or (self.owner is READY and first):
            self.schedule()  # once more where it is queued: that may be for long

    def wake(self) -> None:
        """See to it that the actor gets a turn."""
        if self.owner is None:
            if self.actor.ends_others:
                self.schedule()
            else:
                self.owner = READY
                self.dispatcher.schedule(self.actor)

    def schedule(self) -> None:
        """Queue the actor: late, unless its turns come first (:mod:`actors.runtime.reserve`)."""
        self.owner = READY
        dispatcher, actor = self.dispatcher, self.actor
        if actor.ends_others:
            dispatcher.keepers.schedule(actor)
        elif self.signals is not None:
            dispatcher.ends.schedule(actor)
        else:
            dispatcher.schedule_late(actor)

    def interrupt(self) -> None:
        """End the running turn after the message that it is at: the rest goes back."""
        if self.batch is not None:
            rest = list(self.batch)
            if rest:
                self.items[:0] = rest

    def get(self) -> Envelope[Any]:
        """Take the oldest; the runtime takes whole batches instead."""
        item: Letter = self.items.pop(0)
        self.taken(item)
        return item

    def taken(self, letter: Letter) -> None:
        """Uncount a letter that left."""
        self.told -= 1
        self.weight -= letter.weight

    def empty(self) -> bool:
        """Whether nothing waits."""
        return not len(self)

    def __len__(self) -> int:
        batch = 0 if self.batch is None else operator.length_hint(self.batch)
        return len(self.items) + batch


def shared(message: Any, size: int | None, rounds: int) -> Letter:
    """Return a letter for many mailboxes, which all hold the same message.

    ``size``: its bytes, packed, where they are known. ``rounds``: how many were counted.
    """
    letter = Letter(message, None)
    if size is None:
        size = max(0, weigh(message) - _EMPTY)
    letter.weight = SHARED + size
    letter.round = rounds
    return letter


_EMPTY: Final = sys.getsizeof("")


def weigh(message: Any) -> int:
    """Bytes that a queued message holds: its own, and its payload's when it carries one.

    What it refers to beside is not counted: that may be shared by any number of mailboxes.
    """
    payload = getattr(message, "payload", None)
    return sys.getsizeof(message) + (0 if payload is None else sys.getsizeof(payload))


def answer_dead(actor: Actor, envelope: Any) -> None:
    """Answer an envelope that nobody will handle; a request to stop the dead is granted."""
    reply_to = getattr(envelope, "reply_to", None)
    if reply_to is None:
        return
    if isinstance(envelope.message, _ActorStop):
        reply_to.set(None)
    else:
        error = ActorDeadError(f"{actor} ended before it answered")
        reply_to.set_exception((ActorDeadError, error, None))
