"""The client of a channel socket in a test, and a topic that it has joined."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from actors.channels.broadcasting import broadcast
from actors.channels.channel import Channel
from actors.channels.socket import ChannelSocket
from actors.testing.connection import Connection, Refused
from actors.testing.listener import Listener
from actors.testing.matching import difference, missing
from actors.testing.sent import Keeping, Sent
from actors.testing.stage import DEADLINE, PATIENCE, Crashed, Stage
from actors.testing.wire import Wire

Wanted = Callable[[Sent], bool]


class ChannelClient(Connection):
    """One connection of a client that joins topics."""

    def __init__(
        self, stage: Stage, actor: ChannelSocket[Any], wire: Wire, serializer: Keeping
    ) -> None:
        super().__init__(stage, actor, wire)
        self._socket = actor
        self._serializer = serializer
        self._refs = itertools.count(1)

    @property
    def assigns(self) -> Any:
        """What ``connect`` accepted with."""
        return self._socket.assigns

    @property
    def id(self) -> str | None:
        """What the class's ``id`` returned."""
        return self._socket.socket_id

    # -- what the client sends

    def subscribe_and_join(
        self, topic: str, payload: object = None, *, within: float | None = None
    ) -> tuple[Any, Room]:
        """Join ``topic``; return the reply and the room, which also hears the topic's broadcasts.

        :class:`Refused`: the join was answered with an error, whose response is the ``reason``.
        """
        __tracebackhide__ = True
        listener = Listener(self._stage, topic)
        room = self.join(topic, payload, listener)
        reply = self.take(_is_reply(room.join_ref), ..., within, DEADLINE)
        if reply is None:
            raise self._failure(f"the join of {topic!r} was not answered")
        if reply.status != "ok":
            raise Refused(f"the join of {topic!r} was refused", reply.payload)
        return reply.payload, room

    def join(self, topic: str, payload: object = None, listener: Listener | None = None) -> Room:
        """Send a join, and wait for nothing: ``assert_reply(room.join_ref, ...)`` does."""
        ref = self._next_ref()
        self.send(topic, "phx_join", payload, join_ref=ref, ref=ref)
        return Room(self._stage, self, topic, ref, listener)

    def push(
        self, topic: str, event: str, payload: object = None, join_ref: str | None = None
    ) -> str:
        """Send ``event`` to a topic, joined or not; return its ref."""
        ref = self._next_ref()
        self.send(topic, event, payload, join_ref=join_ref, ref=ref)
        return ref

    def send(
        self,
        topic: str,
        event: str,
        payload: object = None,
        *,
        join_ref: str | None = None,
        ref: str | None = None,
    ) -> None:
        """Send a message as it is given; without a ``ref`` it is not replied to."""
        given = {} if payload is None else payload
        self._wire.receive(self._serializer.incoming(join_ref, ref, topic, event, given))

    def _next_ref(self) -> str:
        return str(next(self._refs))

    # -- what it is sent

    def assert_reply(
        self, ref: str, status: str = "ok", payload: Any = ..., *, within: float | None = None
    ) -> Any:
        """Assert that the message ``ref`` was replied to with this; return the response."""
        __tracebackhide__ = True
        text = f"reply {status!r} to {ref!r}"
        return self.expect(_is_reply(ref, status), text, payload, within)

    def refute_reply(self, ref: str, *, within: float | None = None) -> None:
        """Assert that there is no reply to the message ``ref`` that the test has not taken."""
        __tracebackhide__ = True
        self.refute(_is_reply(ref), ..., within)

    def assert_push(self, event: str, payload: Any = ..., *, within: float | None = None) -> Any:
        """Assert that the client was sent this on any topic; return the payload.

        A broadcast to a topic that it has joined is sent to it too.
        """
        __tracebackhide__ = True
        return self.expect(_is_push(event), f"push {event!r}", payload, within)

    def refute_push(self, event: str, payload: Any = ..., *, within: float | None = None) -> None:
        """Assert that there is no such message that the test has not taken."""
        __tracebackhide__ = True
        self.refute(_is_push(event), payload, within)

    def expect(self, wanted: Wanted, text: str, payload: Any, within: float | None) -> Any:
        """Take the oldest message that is ``wanted`` and has ``payload``; return its payload."""
        __tracebackhide__ = True
        sent = self.take(wanted, payload, within, DEADLINE)
        if sent is None:
            near = (each.payload for each in self._wire.sent if wanted(each))
            raise self._failure(missing(text, payload, near))
        return sent.payload

    def refute(self, wanted: Wanted, payload: Any, within: float | None) -> None:
        """Assert that no message is ``wanted`` and has ``payload``."""
        __tracebackhide__ = True
        sent = self._find(wanted, payload, within, PATIENCE)
        if sent is not None:
            raise self._failure(f"there is a {sent}")

    def take(
        self, wanted: Wanted, payload: Any, within: float | None, patience: float
    ) -> Sent | None:
        """Return the oldest such message, which is asked about no more; ``None``: none came."""
        found = self._find(wanted, payload, within, patience)
        if found is not None:
            self._wire.sent.remove(found)
        return found

    def _find(
        self, wanted: Wanted, payload: Any, within: float | None, patience: float
    ) -> Sent | None:
        def find() -> Sent | None:
            for sent in self._wire.sent:
                if wanted(sent) and difference(payload, sent.payload) is None:
                    found: Sent = sent
                    return found
            return None

        return self._stage.wait_for(find, within, patience)

    # -- its channels

    def channel(self, topic: str, join_ref: str) -> Channel[Any] | None:
        """Return the actor of a join, ``None`` where it has ended or not begun."""
        seat = self._socket.seat(topic)
        while seat is not None and seat.join_ref != join_ref:
            seat = seat.earlier
        found: Any = None if seat is None else seat.channel
        return found if isinstance(found, Channel) else None

    def _owns(self, actor: Any) -> bool:
        if isinstance(actor, Channel):
            return self.channel(actor.topic, actor.join_ref) is actor
        return super()._owns(actor)

    def assert_channel_crashed(
        self, topic: str, join_ref: str, error: type[BaseException], within: float | None
    ) -> BaseException:
        """Assert that a callback of this join raised such an error, and return it."""
        __tracebackhide__ = True

        def is_it(crash: Crashed) -> bool:
            actor = crash.actor
            if not isinstance(actor, Channel) or not isinstance(crash.error, error):
                return False
            return (actor.topic, actor.join_ref) == (topic, join_ref)

        return self._assert_crashed(is_it, error, within)


class Room:
    """One join of a topic; its messages are those of its topic and of this join alone."""

    def __init__(
        self,
        stage: Stage,
        client: ChannelClient,
        topic: str,
        join_ref: str,
        listener: Listener | None,
    ) -> None:
        self.topic = topic
        self.join_ref = join_ref
        self.socket = client
        self._stage = stage
        self._listener = listener

    # -- what the client sends

    def push(self, event: str, payload: object = None) -> str:
        """Send ``event``; return its ref, for :meth:`assert_reply`."""
        return self.socket.push(self.topic, event, payload, self.join_ref)

    def leave(self) -> str:
        """Leave the topic; return the ref, which is replied to with ``ok``."""
        return self.push("phx_leave")

    # -- what the client is sent

    def assert_reply(
        self, ref: str, status: str = "ok", payload: Any = ..., *, within: float | None = None
    ) -> Any:
        """Assert that the message ``ref`` was replied to with this; return the response."""
        __tracebackhide__ = True
        return self.socket.assert_reply(ref, status, payload, within=within)

    def refute_reply(self, ref: str, *, within: float | None = None) -> None:
        """Assert that there is no reply to the message ``ref`` that the test has not taken."""
        __tracebackhide__ = True
        self.socket.refute_reply(ref, within=within)

    def assert_push(self, event: str, payload: Any = ..., *, within: float | None = None) -> Any:
        """Assert that the client was sent this here; return the payload.

        A broadcast to the topic is sent to it too.
        """
        __tracebackhide__ = True
        text = f"push {event!r} on {self.topic!r}"
        return self.socket.expect(self._is_push(event), text, payload, within)

    def refute_push(self, event: str, payload: Any = ..., *, within: float | None = None) -> None:
        """Assert that there is no such message that the test has not taken."""
        __tracebackhide__ = True
        self.socket.refute(self._is_push(event), payload, within)

    def assert_closed(self, *, within: float | None = None) -> None:
        """Assert that the client was told of an orderly end (``phx_close``)."""
        __tracebackhide__ = True
        self.assert_push("phx_close", within=within)

    def assert_error(self, *, within: float | None = None) -> None:
        """Assert that the client was told of another end (``phx_error``): it would join again."""
        __tracebackhide__ = True
        self.assert_push("phx_error", within=within)

    def refute_closed(self, *, within: float | None = None) -> None:
        """Assert that the client was told of no end."""
        __tracebackhide__ = True
        self.refute_push("phx_close", within=within)
        self.refute_push("phx_error", within=within)

    def assert_crashed(
        self, error: type[BaseException] = BaseException, *, within: float | None = None
    ) -> BaseException:
        """Assert that a callback of this channel raised such an error, and return it."""
        __tracebackhide__ = True
        client = self.socket
        return client.assert_channel_crashed(self.topic, self.join_ref, error, within)

    def _is_push(self, event: str) -> Wanted:
        mine = {None, self.join_ref}
        return lambda sent: (
            _is_push(event)(sent) and sent.topic == self.topic and sent.join_ref in mine
        )

    # -- the topic

    def assert_broadcast(
        self, event: str, payload: Any = ..., *, within: float | None = None
    ) -> Any:
        """Assert that this was broadcast to the topic, by whomever; return the payload."""
        __tracebackhide__ = True
        return self._heard().assert_broadcast(event, payload, within=within)

    def refute_broadcast(
        self, event: str, payload: Any = ..., *, within: float | None = None
    ) -> None:
        """Assert that there is no such broadcast that the test has not taken."""
        __tracebackhide__ = True
        self._heard().refute_broadcast(event, payload, within=within)

    def broadcast(self, event: str, payload: object = None) -> None:
        """Broadcast to the topic, as the application may from anywhere."""
        broadcast(self.topic, event, payload)

    def broadcast_from(self, event: str, payload: object = None) -> None:
        """Broadcast to the topic, as this channel does: its own client is not told."""
        broadcast(self.topic, event, payload, excluded=self.channel.actor_inbox.number)

    def _heard(self) -> Listener:
        if self._listener is None:
            raise RuntimeError("join() hears no broadcasts: use subscribe_and_join(), or subscribe")
        return self._listener

    # -- the channel itself

    @property
    def channel(self) -> Channel[Any]:
        """The channel's actor, to look at; at rest. ``AssertionError``: there is none."""
        __tracebackhide__ = True
        self._stage.settle()
        found = self.socket.channel(self.topic, self.join_ref)
        if found is None:
            raise AssertionError(f"no channel runs for this join of {self.topic!r}")
        return found

    @property
    def assigns(self) -> Any:
        """The channel's assigns."""
        return self.channel.assigns

    def tell(self, message: Any) -> None:
        """Tell the channel ``message``, which comes to its ``handle_info``."""
        self.channel.actor_ref.tell(message)

    def ask(self, request: Any, timeout: float = DEADLINE) -> Any:
        """Ask the channel, and return what its ``handle_call`` answers; raise what it raises."""
        return self.channel.actor_ref.ask(request, timeout=timeout)


def _is_push(event: str) -> Wanted:
    return lambda sent: sent.kind != "reply" and sent.event == event


def _is_reply(ref: str, status: str | None = None) -> Wanted:
    return lambda sent: (
        sent.kind == "reply" and sent.ref == ref and (status is None or sent.status == status)
    )
