"""How broadcasts reach a client without a turn of its channel (Phoenix: the fast lane)."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any

from actors.channels import telling
from actors.runtime.exits import CRASHES

if TYPE_CHECKING:
    from actors.runtime.mailbox import Mailbox
    from actors.serializers.message import Body, Serializer
    from actors.socket import ChannelTransport


class ChannelLane:
    """The lane of one joined channel, see :class:`actors.pubsub.table.Lane`."""

    __slots__ = ("_serializer", "_transport", "inbox", "intercepts", "key", "post")

    def __init__(
        self,
        inbox: Mailbox,
        transport: ChannelTransport,
        serializer: Serializer,
        intercepts: frozenset[str],
    ) -> None:
        self.inbox = inbox
        self.intercepts = intercepts
        self.key: Hashable = (serializer, transport.lane_key)
        self.post: Callable[[Any], object] = transport.post
        self._transport = transport
        self._serializer = serializer

    def prepare(self, topic: str, event: str, body: Body) -> Any:
        """Return the message as all lanes of this ``key`` send it, or ``None``.

        What an application's serializer raises is logged: it is neither the publisher's affair nor
        that of who is told behind.
        """
        try:
            frame = self._serializer.broadcast(topic, event, body)
        except Exception as error:  # noqa: BLE001 - an application's
            CRASHES.log(error, "a broadcast of %.100r could not be encoded", event)
            telling.undeliverable(topic, event, body, self._serializer, error)
            return None
        return None if frame is None else self._transport.prepare(frame)
