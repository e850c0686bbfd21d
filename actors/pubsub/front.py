"""``PubSub``: topics within a process, and over an adapter to the others (Phoenix.PubSub).

Delivery is at most once, in the order of each publisher. What is broadcast is copied on the way
(packed and unpacked), so that every subscriber, here or elsewhere, gets equal plain values and
nobody holds the publisher's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from actors import packets as frames
from actors.pubsub.table import Table

if TYPE_CHECKING:
    from actors.runtime.actor import Actor
    from actors.runtime.ref import Ref


class Adapter(Protocol):
    """Carries broadcasts to other processes (Phoenix.PubSub.Adapter); it never loops them back."""

    def publish(self, topic: str, packed: bytes) -> None:
        """Send to all others; ``packed`` is :func:`actors.packets.pack`'s. Must not block."""

    def direct(self, worker: str, topic: str, packed: bytes) -> bool:
        """Send to one; ``False`` where there is no such worker."""


class PubSub:
    """One per process: :data:`actors.pubsub` has its methods as functions.

    Subscribe on the loop's thread; broadcasts may come from any.
    """

    def __init__(self, worker: str = "") -> None:
        self.worker = worker
        self.adapter: Adapter | None = None
        self._table = Table()

    def subscribe(self, actor: Actor | Ref[Any], topic: str) -> None:
        """Have ``actor`` told what is broadcast to ``topic``, until it ends. Twice is once.

        A socket gets it in ``handle_info``, another actor in ``on_receive``.
        """
        self._table.subscribe(_actor(actor), _checked(topic))

    def unsubscribe(self, actor: Actor | Ref[Any], topic: str) -> None:
        """Stop; what is in the mailbox already still comes."""
        self._table.unsubscribe(_actor(actor), _checked(topic))

    def subscribers(self, topic: str) -> int:
        """Return how many actors of this process listen to ``topic``."""
        return self._table.subscribers(topic)

    def broadcast(self, topic: str, message: Any) -> None:
        """Tell every subscriber of ``topic``, in all processes.

        ``message``: plain values alone (:mod:`actors.packets`), else ``TypeError``, and
        nobody is told.
        """
        self._broadcast(topic, message, None)

    def broadcast_from(self, actor: Actor | Ref[Any], topic: str, message: Any) -> None:
        """Tell every subscriber but ``actor``."""
        self._broadcast(topic, message, _actor(actor).actor_inbox.number)

    def _broadcast(self, topic: str, message: Any, excluded: int | None) -> None:
        _checked(topic)
        packed = frames.pack(message)
        copy = _copy(packed)
        if self.adapter is not None:
            self.adapter.publish(topic, packed)
        self._table.deliver(topic, copy, excluded, len(packed))

    def local_broadcast(self, topic: str, message: Any) -> int:
        """Tell the subscribers in this process; return how many. ``message`` is not copied."""
        return self._table.deliver(_checked(topic), message)

    def direct_broadcast(self, worker: str, topic: str, message: Any) -> bool:
        """Tell the subscribers in one process; ``False`` where there is no such worker."""
        _checked(topic)
        packed = frames.pack(message)
        copy = _copy(packed)
        if worker == self.worker:
            self._table.deliver(topic, copy, None, len(packed))
            return True
        return self.adapter is not None and self.adapter.direct(worker, topic, packed)

    def arrived(self, topic: str, packed: bytes) -> None:
        """Deliver what the adapter brought from another process."""
        if self._table.subscribers(topic):
            self._table.deliver(topic, frames.unpack(packed), None, len(packed))


def _copy(packed: bytes) -> Any:
    try:
        return frames.unpack(packed)
    except frames.FrameError as error:  # for instance a dict whose keys are numbers
        raise TypeError(f"a message holds plain values alone: {error}") from None


def _actor(of: Any) -> Actor:
    """Return the actor itself or that of its ref."""
    inbox = getattr(of, "actor_inbox", None)
    actor = getattr(inbox, "actor", None)
    if actor is None:
        raise TypeError(f"{of!r:.200} is no actor of this process, nor a ref of one")
    found: Actor = actor
    return found


def _checked(topic: str) -> str:
    if not isinstance(topic, str) or not topic:
        raise TypeError(f"topic {topic!r:.200}: must be a str that is not empty")
    return topic
