"""``PubSub``: topics within a process, and over an adapter to the others (Phoenix.PubSub).

Delivery is at most once, in the order of each publisher. What is broadcast is copied on the way
(packed and unpacked), so that every subscriber, here or elsewhere, gets equal plain values and
nobody holds the publisher's own.
"""

from __future__ import annotations

from typing import Any, Final

from actors import telemetry
from actors.packets import MAX_FRAME, FrameError, pack, pack_and_copy, unpack
from actors.pubsub.cluster import Cluster
from actors.pubsub.table import Event, Lane, Table
from actors.pubsub.wire import EVENT, PLAIN
from actors.reasons import Reason
from actors.runtime.actor import Actor
from actors.runtime.cell import Cell
from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.ref import Ref
from actors.runtime.timers import Timer
from actors.serializers.message import Body, check_lengths

SAY_LAST: Final = 1.0
"""Seconds after the last broadcast in which its number is said once more."""

SMALL: Final = MAX_FRAME // 2
"""Bytes of an event and its body up to which they fit into a frame, for sure."""

NOBODY: Final = (
    "nothing is served in this process, so a broadcast here reaches nobody: publish to the server"
    " with actors.publish.Publisher or `python -m actors.endpoint broadcast` (docs/publishing.md)"
)


class PubSub:
    """One per process: :data:`actors.pubsub` has its methods as functions.

    Subscribe on the loop's thread; broadcasts may come from any.
    """

    def __init__(self, worker: str = "") -> None:
        self.worker = worker
        self.adapters: tuple[Cluster, ...] = ()
        self.serves = False
        """Whether this process has ever served, or had a subscriber or an adapter: else nobody can
        hear what is broadcast here, which is then a mistake. Whoever serves sets it."""
        self._table = Table()
        self.broadcasts = 0
        """How many were made here, for whomever."""
        self._published = 0
        self._published_at = 0.0
        self._quiet: Timer | None = None

    def attach(self, adapter: Cluster) -> None:
        """Have ``adapter`` carry broadcasts to other processes from now on; twice is once.

        Several may be attached; one that is attached gives this process its name among them.
        """
        self.detach(adapter)
        self.serves = True
        self.adapters = (*self.adapters, adapter)
        self.worker = adapter.worker

    def detach(self, adapter: Cluster) -> None:
        """Use ``adapter`` no more."""
        if self._quiet is not None and adapter in self.adapters:
            adapter.position(self._published)
        self.adapters = tuple(each for each in self.adapters if each is not adapter)

    def subscribe(self, actor: Actor | Ref[Any], topic: str) -> None:
        """Have ``actor`` told what is broadcast to ``topic``, until it ends. Twice is once.

        A socket gets it in ``handle_info``, another actor in ``on_receive``.
        """
        self._table.subscribe(_actor(actor), checked(topic))
        self.serves = True

    def unsubscribe(self, actor: Actor | Ref[Any], topic: str) -> None:
        """Stop; what is in the mailbox already still comes."""
        self._table.unsubscribe(_actor(actor), checked(topic))

    @property
    def deliveries(self) -> int:
        """How many subscribers here were told of a broadcast, whoever made it."""
        return self._table.deliveries

    def subscribers(self, topic: str) -> int:
        """Return how many actors of this process listen to ``topic``."""
        return self._table.subscribers(topic)

    def broadcast(self, topic: str, message: Any) -> None:
        """Tell every subscriber of ``topic``, in all processes.

        ``message``: plain values alone (:mod:`actors.packets`), else ``TypeError``, and
        nobody is told. ``RuntimeError`` in a process that serves nothing.
        """
        self._broadcast(topic, message, None)

    def broadcast_from(self, actor: Actor | Ref[Any], topic: str, message: Any) -> None:
        """Tell every subscriber but ``actor``."""
        self._broadcast(topic, message, number_of(actor))

    def _broadcast(self, topic: str, message: Any, excluded: int | None) -> None:
        checked(topic)
        self.broadcasts += 1
        heard = self._table.subscribers(topic)  # else nobody here needs a copy
        packed, copy = pack_and_copy(message) if heard else (pack(message), None)
        self._check_serves()
        if self.adapters:
            self._publish(topic, PLAIN, packed)
        if heard:
            self._table.deliver(topic, copy, excluded, len(packed))

    def _publish(self, topic: str, kind: str, packed: bytes) -> None:
        """Give a parcel the next number, and have the adapters carry it; from any thread."""
        dispatcher = get_dispatcher()
        if not dispatcher.on_this_thread():
            dispatcher.call_from_thread(lambda: self._publish(topic, kind, packed))
            return
        self._published += 1
        for adapter in self.adapters:
            adapter.publish(self._published, topic, kind, packed)
        self._published_at = dispatcher.clock()
        if self._quiet is None:
            self._quiet = dispatcher.timers.call_later(SAY_LAST, self._say_last)

    def _say_last(self) -> float | None:
        """Say the number of the last broadcast, when none has followed for a while."""
        due = self._published_at + SAY_LAST
        if get_dispatcher().clock() < due:
            return due
        self._quiet = None
        for adapter in self.adapters:
            adapter.position(self._published)
        return None

    def broadcast_event(
        self,
        topic: str,
        event: str,
        payload: object,
        *,
        excluded: int | None = None,
        local: bool = False,
    ) -> None:
        """Tell the channels of ``topic``, in all processes unless ``local``; from any thread.

        ``payload`` is an object of JSON, or bytes; it is encoded once, here. ``excluded``: the
        number of the actor that does not get it. ``TypeError`` or ``ValueError``, and nobody is
        told: another payload, one over 4 MiB, or bytes under a name of over 255 bytes.
        ``RuntimeError`` in a process that serves nothing, unless ``local``.
        """
        checked(topic)
        body = Body.of(payload)
        if body.binary is not None:
            check_lengths(topic=topic, event=event)
        data = (body.binary if body.json is None else body.json) or b""
        carried = self.adapters and not local
        if carried or not event.isascii() or len(event) + len(data) > SMALL:
            packed = pack([event, body.json is None, data])  # which may refuse it
        if not local:
            self._check_serves()
        self.broadcasts += 1
        if carried:
            self._publish(topic, EVENT, packed)
        self._table.deliver_event(Event(topic, event, body, len(data)), excluded)

    def local_event(self, topic: str, event: str, body: Body) -> None:
        """Tell the channels of ``topic`` in this process what is encoded already."""
        self.broadcasts += 1
        size = len((body.binary if body.json is None else body.json) or b"")
        self._table.deliver_event(Event(topic, event, body, size))

    def _check_serves(self) -> None:
        if not self.serves:
            raise RuntimeError(NOBODY)

    def enter(self, topic: str, lane: Lane) -> None:
        """Have a client told of the events of ``topic`` until :meth:`leave`."""
        self._table.enter(topic, lane)
        self.serves = True

    def leave(self, topic: str, lane: Lane) -> None:
        """Stop; nothing comes after this."""
        self._table.leave(topic, lane)

    def local_broadcast(self, topic: str, message: Any) -> int:
        """Tell the subscribers in this process; return how many. ``message`` is not copied."""
        self.broadcasts += 1
        return self._table.deliver(checked(topic), message)

    def direct_broadcast(self, worker: str, topic: str, message: Any) -> bool:
        """Tell the subscribers in one process; ``False`` if there is no such worker."""
        checked(topic)
        self.broadcasts += 1
        if worker == self.worker:
            packed, copy = pack_and_copy(message)
            self._table.deliver(topic, copy, None, len(packed))
            return True
        return self._direct(worker, topic, pack(message))

    def _direct(self, worker: str, topic: str, packed: bytes) -> bool:
        """Send a parcel to one worker; from any thread, where the answer is who can be reached."""
        dispatcher = get_dispatcher()
        if not dispatcher.on_this_thread():
            dispatcher.call_from_thread(lambda: self._direct(worker, topic, packed))
            return any(adapter.reaches(worker) for adapter in self.adapters)
        return any(adapter.direct(worker, topic, PLAIN, packed) for adapter in self.adapters)

    def arrived(self, topic: str, kind: str, packed: bytes) -> None:
        """Deliver what an adapter brought from another process; a kind of its own is passed over.

        That is a newer worker's. It is unpacked only where somebody listens.
        """
        if kind == EVENT:
            if self._table.subscribers(topic):
                name, binary, data = _event(unpack(packed))
                body = Body(binary=data) if binary else Body(json=data)
                self._table.deliver_event(Event(topic, name, body, len(packed)))
        elif kind != PLAIN:
            telemetry.execute("pubsub.unknown", {"count": 1}, {"kind": kind})
        elif self._table.subscribers(topic):
            self._table.deliver(topic, unpack(packed), None, len(packed))


class Attached(Actor):
    """An adapter's place in a supervision tree: it carries broadcasts while this child lives.

    The owner of the adapter closes it.
    """

    def __init__(self, pubsub: PubSub, adapter: Cluster) -> None:
        super().__init__()
        self._pubsub = pubsub
        self._adapter = adapter

    def on_start(self) -> None:
        self._pubsub.attach(self._adapter)

    def terminate(self, reason: Reason) -> None:
        self._pubsub.detach(self._adapter)
        super().terminate(reason)


def _event(parcel: Any) -> tuple[str, bool, bytes]:
    match parcel:
        case [str(name), bool(binary), bytes(data)]:
            return name, binary, data
    raise FrameError(f"not an event: {parcel!r:.100}")


def number_of(actor: Actor | Ref[Any]) -> int:
    """Return the number of an actor, or of a ref's; ``TypeError``: it is of no actor here."""
    return cell_of(actor).number


def cell_of(actor: Actor | Ref[Any]) -> Cell:
    """Return the cell of an actor, or of a ref's; ``TypeError``: it is of no actor here."""
    return _actor(actor).actor_inbox


def _actor(of: Any) -> Actor:
    """Return the actor itself or that of its ref."""
    inbox = getattr(of, "actor_inbox", None)
    actor = getattr(inbox, "actor", None)
    if actor is None:
        raise TypeError(f"{of!r:.200} is no actor of this process, nor a ref of one")
    found: Actor = actor
    return found


def checked(topic: str) -> str:
    """Return a topic; ``TypeError`` for what is none, ``ValueError`` for a lone surrogate."""
    if not isinstance(topic, str) or not topic:
        raise TypeError(f"topic {topic!r:.200}: must be a str that is not empty")
    if not topic.isascii():
        _check_utf8(topic)
    return topic


def _check_utf8(topic: str) -> None:
    """Raise ``ValueError`` for a lone surrogate, before a number is given to what cannot travel.

    Others would miss that number, and tell a gap.
    """
    try:
        topic.encode()
    except UnicodeEncodeError:
        raise ValueError(f"topic {topic!r:.200} is no UTF-8: it has a lone surrogate") from None
