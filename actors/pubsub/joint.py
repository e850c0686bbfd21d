"""Several adapters as one: the bus of this machine and what links it to other machines."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from actors.pubsub.cluster import Cluster, Handler, Reply


class Joint:
    """A :class:`~actors.pubsub.cluster.Cluster` of ``adapters``, all under one worker's name.

    What is for one worker goes by the first adapter that reaches it.
    """

    def __init__(self, adapters: Sequence[Cluster]) -> None:
        self._adapters = tuple(adapters)

    @property
    def worker(self) -> str:
        return self._adapters[0].worker

    @property
    def peers(self) -> Collection[str]:
        return {peer for adapter in self._adapters for peer in adapter.peers}

    @property
    def hears(self) -> bool:
        return all(adapter.hears for adapter in self._adapters)

    def reaches(self, worker: str) -> bool:
        return self._to(worker) is not None

    def may_return(self, worker: str) -> bool:
        return any(each.may_return(worker) for each in self._adapters)

    def publish(self, number: int, topic: str, kind: str, packed: bytes) -> None:
        for adapter in self._adapters:
            adapter.publish(number, topic, kind, packed)

    def position(self, number: int) -> None:
        for adapter in self._adapters:
            adapter.position(number)

    def direct(self, worker: str, topic: str, kind: str, packed: bytes) -> bool:
        adapter = self._to(worker)
        return adapter is not None and adapter.direct(worker, topic, kind, packed)

    def request(self, worker: str, kind: str, body: Any, timeout: float, reply: Reply) -> bool:
        adapter = self._to(worker)
        return adapter is not None and adapter.request(worker, kind, body, timeout, reply)

    def notify(self, worker: str, kind: str, body: Any) -> bool:
        adapter = self._to(worker)
        return adapter is not None and adapter.notify(worker, kind, body)

    def notify_all(self, kind: str, body: Any) -> None:
        for adapter in self._adapters:
            adapter.notify_all(kind, body)

    def serve(self, kind: str, handler: Handler) -> None:
        for adapter in self._adapters:
            adapter.serve(kind, handler)

    def joined(self, callback: Callable[[str], object]) -> None:
        for adapter in self._adapters:
            adapter.joined(callback)

    def gone(self, callback: Callable[[str], object]) -> None:
        for adapter in self._adapters:
            adapter.gone(callback)

    def unsent(self, worker: str) -> int:
        adapter = self._to(worker)
        return 0 if adapter is None else adapter.unsent(worker)

    def takes_notices(self, worker: str) -> bool:
        adapter = self._to(worker)
        return adapter is not None and adapter.takes_notices(worker)

    def longest(self, worker: str) -> int:
        adapter = self._to(worker)
        return 0 if adapter is None else adapter.longest(worker)

    def _to(self, worker: str) -> Cluster | None:
        return next((each for each in self._adapters if each.reaches(worker)), None)
