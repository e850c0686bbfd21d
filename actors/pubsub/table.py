"""Who listens to which topic in this process, and the delivery to them."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, Protocol

from actors import telemetry
from actors.errors import MailboxFull
from actors.messages import Broadcast
from actors.runtime import monitors
from actors.runtime.actor import Actor
from actors.runtime.cell import Cell
from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.mailbox import Mailbox, SharedEnvelope
from actors.serializers.message import Body


class Subscription:
    """What one actor wants of one topic: that it comes into its ``inbox``.

    What else a kind of subscriber needs to be told (a serializer, a place to write to) is a field
    of a class below this one.
    """

    __slots__ = ("inbox",)

    def __init__(self, inbox: Mailbox) -> None:
        self.inbox = inbox


class Lane(Protocol):
    """A subscriber whose client is written to at once, without a turn of its actor.

    A *fast lane* (``Phoenix.Channel.Server.dispatch``): what is the same for all lanes of one
    ``key`` is made once for each broadcast.
    """

    key: Hashable
    inbox: Mailbox
    intercepts: frozenset[str]
    """Events that its actor has to see first: those go into ``inbox``."""

    def prepare(self, topic: str, event: str, body: Body) -> Any:
        """Return what :meth:`post` takes; ``None`` where the client cannot be told this."""

    post: Callable[[Any], object]
    """Writes to the client; it neither raises nor changes who subscribes."""


class Event(NamedTuple):
    """What is broadcast to channels. ``size``: the bytes of its body."""

    topic: str
    name: str
    body: Body
    size: int


class Intercepted:
    """What a lane's actor gets of an event that it has to see first."""

    __slots__ = ("event", "payload")

    def __init__(self, event: str, payload: Any) -> None:
        self.event = event
        self.payload = payload


class Table:
    """Subscriptions of live actors; one that ends is forgotten.

    ``deliveries`` counts subscribers that took a message.
    """

    def __init__(self) -> None:
        self.deliveries = 0
        self._topics: dict[str, dict[int, Subscription]] = {}
        self._lanes: dict[str, dict[int, Lane]] = {}
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
        """Return how many actors listen to ``topic``."""
        return len(self._topics.get(topic, ())) + len(self._lanes.get(topic, ()))

    def enter(self, topic: str, lane: Lane) -> None:
        """Deliver events of ``topic`` by ``lane``, until it leaves."""
        lanes = self._lanes.setdefault(topic, {})
        if lanes:
            last = next(reversed(lanes.values()))
            if last.key == lane.key:
                lane.key = last.key  # one object: see _post
        lanes[lane.inbox.number] = lane

    def leave(self, topic: str, lane: Lane) -> None:
        """Deliver no more; what was prepared is gone already."""
        lanes = self._lanes[topic]
        del lanes[lane.inbox.number]
        if not lanes:
            del self._lanes[topic]

    def deliver_event(self, event: Event, excluded: int | None = None) -> None:
        """Have every subscriber told ``event``: clients by their lanes, actors by a message.

        Callable from any thread.
        """
        lanes, others = self._lanes.get(event.topic), event.topic in self._topics
        if not lanes and not others:
            return
        dispatcher = get_dispatcher()
        if not dispatcher.on_this_thread():
            dispatcher.call_from_thread(lambda: self.deliver_event(event, excluded))
            return
        if lanes:
            refused = self._post(lanes, event, excluded)
            self.deliveries += len(lanes) - (excluded in lanes) - refused
            if refused:
                telemetry.execute("pubsub.refused", {"count": refused}, {"topic": event.topic})
        if others:
            message = Broadcast(event.topic, event.name, event.body.value)
            self.deliver(event.topic, message, excluded, event.size)

    def _post(self, lanes: dict[int, Lane], event: Event, excluded: int | None) -> int:
        """Write to each lane, or ask its actor; return how many could not be told.

        Neighbours mostly have one ``key``; what is prepared is looked up where they do not.
        """
        topic, name, body = event.topic, event.name, event.body
        own = None if excluded is None else lanes.get(excluded)
        prepared: dict[Hashable, Any] = {}
        key: Hashable = object()  # which no lane has
        envelope, frame, refused = None, None, 0
        for lane in lanes.values():
            if lane is own:
                continue
            if name in lane.intercepts:
                if envelope is None:
                    rounds = get_dispatcher().rounds.number
                    envelope = SharedEnvelope(Intercepted(name, body.value), event.size, rounds)
                refused += not _put(lane.inbox, envelope)
                continue
            if lane.key is not key:
                key = lane.key
                if key not in prepared:
                    prepared[key] = lane.prepare(topic, name, body)
                frame = prepared[key]
            if frame is None:
                refused += 1
            else:
                post = lane.post  # faster than to call it as a method, which it is not
                post(frame)
        return refused

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
            if _put(inbox, envelope):
                count += 1
            elif not inbox.closed:
                refused += 1
        self.deliveries += count
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


def _put(inbox: Mailbox, envelope: SharedEnvelope) -> bool:
    """Return whether a mailbox took what many share."""
    try:
        return inbox.accept(envelope)
    except MailboxFull:
        return False
