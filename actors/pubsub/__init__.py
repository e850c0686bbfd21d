"""Topics: ``pubsub.subscribe(actor, topic)``, ``pubsub.broadcast(topic, message)``.

One :class:`~actors.pubsub.front.PubSub` serves the process; its methods are functions here. With
several workers it is attached to a :class:`~actors.pubsub.cluster.Cluster` that links them, see
:mod:`actors.pubsub.bus`.
"""

import warnings
from typing import Any

from actors.pubsub.cluster import Cluster
from actors.pubsub.front import PubSub, cell_of, number_of

server = PubSub()

subscribe = server.subscribe
unsubscribe = server.unsubscribe
subscribers = server.subscribers
broadcast = server.broadcast
broadcast_from = server.broadcast_from
broadcast_event = server.broadcast_event
local_broadcast = server.local_broadcast
direct_broadcast = server.direct_broadcast

__all__ = [
    "Cluster",
    "PubSub",
    "broadcast",
    "broadcast_event",
    "broadcast_from",
    "cell_of",
    "direct_broadcast",
    "local_broadcast",
    "number_of",
    "server",
    "subscribe",
    "subscribers",
    "unsubscribe",
]


def __getattr__(name: str) -> Any:
    if name != "Adapter":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        "actors.pubsub.Adapter is called Cluster now; the old name goes with the next release",
        DeprecationWarning,
        stacklevel=2,
    )
    return Cluster
