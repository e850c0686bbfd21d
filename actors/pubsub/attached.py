"""An adapter's place in a supervision tree: it carries broadcasts while its child lives."""

from __future__ import annotations

from actors.pubsub.cluster import Cluster
from actors.pubsub.front import PubSub
from actors.reasons import Reason
from actors.runtime import Actor


class Attached(Actor):
    """Attaches ``adapter`` to ``pubsub``, and detaches it at its end."""

    def __init__(self, pubsub: PubSub, adapter: Cluster) -> None:
        super().__init__()
        self._pubsub = pubsub
        self._adapter = adapter

    def on_start(self) -> None:
        self._pubsub.attach(self._adapter)

    def terminate(self, reason: Reason) -> None:
        """Detach; who owns the adapter closes it."""
        self._pubsub.detach(self._adapter)
        super().terminate(reason)
