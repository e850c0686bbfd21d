"""Topics: ``pubsub.subscribe(actor, topic)``, ``pubsub.broadcast(topic, message)``.

One :class:`~actors.pubsub.front.PubSub` serves the process; its methods are functions here. With
several workers the endpoint connects it to the others, see :mod:`actors.pubsub.bus`.
"""

from actors.pubsub.front import Adapter, PubSub

server = PubSub()

subscribe = server.subscribe
unsubscribe = server.unsubscribe
subscribers = server.subscribers
broadcast = server.broadcast
broadcast_from = server.broadcast_from
local_broadcast = server.local_broadcast
direct_broadcast = server.direct_broadcast

__all__ = [
    "Adapter",
    "PubSub",
    "broadcast",
    "broadcast_from",
    "direct_broadcast",
    "local_broadcast",
    "server",
    "subscribe",
    "subscribers",
    "unsubscribe",
]
