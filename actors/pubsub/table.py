"""Who listens to which topic in this process, and the delivery to them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from actors import telemetry
from actors.errors import MailboxFull
from actors.runtime import monitors
from actors.runtime.mailbox import Letter

if TYPE_CHECKING:
    from actors.runtime.actor import Actor


class Table:
    """Subscriptions of live actors; one that ends is forgotten."""

    def __init__(self) -> None:
        self._topics: dict[str, dict[int, Actor]] = {}
        self._of: dict[int, set[str]] = {}

    def subscribe(self, actor: Actor, topic: str) -> None:
        """Deliver to ``actor`` what is broadcast to ``topic``; twice is once."""
        number = actor.actor_inbox.number
        if number not in self._of:
            if not monitors.at_end(actor, self._forget):
                return
            self._of[number] = set()
        self._of[number].add(topic)
        self._topics.setdefault(topic, {})[number] = actor

    def unsubscribe(self, actor: Actor, topic: str) -> None:
        """Stop; what is in the mailbox already still comes."""
        number = actor.actor_inbox.number
        topics = self._of.get(number)
        if topics is not None and topic in topics:
            topics.discard(topic)
            self._drop(topic, number)

    def subscribers(self, topic: str) -> int:
        """Answer how many actors listen to ``topic``."""
        return len(self._topics.get(topic, ()))

    def deliver(self, topic: str, message: Any, excluded: int | None = None) -> int:
        """Put ``message`` into each subscriber's mailbox; answer how many took it."""
        subscribers = self._topics.get(topic)
        if not subscribers:
            return 0
        letter = Letter(message, None)
        count = refused = 0
        for number, actor in list(subscribers.items()):
            if number == excluded:
                continue
            try:
                actor.actor_inbox.put(letter)
                count += 1
            except MailboxFull:
                refused += 1
        if refused:
            telemetry.execute("pubsub.refused", {"count": refused}, {"topic": topic})
        return count

    def _forget(self, actor: Actor) -> None:
        number = actor.actor_inbox.number
        for topic in self._of.pop(number, ()):
            self._drop(topic, number)

    def _drop(self, topic: str, number: int) -> None:
        subscribers = self._topics[topic]
        del subscribers[number]
        if not subscribers:
            del self._topics[topic]
