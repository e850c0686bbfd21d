"""Who listens to which topic in this process, and the delivery to them."""

from __future__ import annotations

from typing import Any

from actors import telemetry
from actors.errors import MailboxFull
from actors.runtime import monitors
from actors.runtime.actor import Actor
from actors.runtime.cell import Cell
from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.mailbox import Mailbox, SharedEnvelope


class Subscription:
    """What one actor wants of one topic: that it comes into its ``inbox``.

    What else a kind of subscriber needs to be told (a serializer, a place to write to) is a field
    of a class below this one.
    """

    __slots__ = ("inbox",)

    def __init__(self, inbox: Mailbox) -> None:
        self.inbox = inbox


class Table:
    """Subscriptions of live actors; one that ends is forgotten."""

    def __init__(self) -> None:
        self._topics: dict[str, dict[int, Subscription]] = {}
        self._of: dict[int, set[str]] = {}

    def subscribe(self, actor: Actor, topic: str) -> None:
        """Deliver to ``actor`` what is broadcast to ``topic``; twice is once."""
        inbox = actor.actor_inbox
        number = inbox.number
        if number not in self._of:
            if not monitors.at_end(inbox, self._forget):
                return
            self._of[number] = set()
        self._of[number].add(topic)
        self._topics.setdefault(topic, {})[number] = Subscription(inbox)

    def unsubscribe(self, actor: Actor, topic: str) -> None:
        number = actor.actor_inbox.number
        topics = self._of.get(number)
        if topics is not None and topic in topics:
            topics.discard(topic)
            self._drop(topic, number)

    def subscribers(self, topic: str) -> int:
        return len(self._topics.get(topic, ()))

    def deliver(
        self, topic: str, message: Any, excluded: int | None = None, size: int | None = None
    ) -> int:
        """Put ``message`` into each subscriber's mailbox; return how many took it.

        Callable from any thread; from another than the loop's the answer is how many there are.
        All get the same envelope, which is made and weighed once; ``size``: its bytes, packed.
        """
        subscribers = self._topics.get(topic)
        if not subscribers:
            return 0
        dispatcher = get_dispatcher()
        if not dispatcher.on_this_thread():
            dispatcher.call_from_thread(lambda: self.deliver(topic, message, excluded, size))
            return len(subscribers) - (excluded in subscribers)
        envelope = SharedEnvelope(message, size, dispatcher.rounds.number)
        count = refused = 0
        for number, subscription in subscribers.items():  # nobody comes or goes meanwhile
            if number == excluded:
                continue
            inbox = subscription.inbox
            try:
                if inbox.accept(envelope):
                    count += 1
                elif not inbox.closed:
                    refused += 1
            except MailboxFull:
                refused += 1
        if refused:
            telemetry.execute("pubsub.refused", {"count": refused}, {"topic": topic})
        return count

    def _forget(self, cell: Cell) -> None:
        number = cell.number
        for topic in self._of.pop(number, ()):
            self._drop(topic, number)

    def _drop(self, topic: str, number: int) -> None:
        subscribers = self._topics[topic]
        del subscribers[number]
        if not subscribers:
            del self._topics[topic]
