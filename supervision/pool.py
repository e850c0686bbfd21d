"""A pool: dynamic supervisors for what belongs to one class (Phoenix's PoolSupervisor).

Every socket class of an endpoint has one, unless its ``child_spec`` says otherwise::

    start_child(ChatSocket, ChildSpec(id="upload", start=Upload.start), key=user)
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from actors.errors import SupervisionError
from actors.reasons import Reason
from supervision.dynamic import DynamicSupervisor
from supervision.partition import PartitionRef, PartitionSupervisor
from supervision.specs import ChildSpec

_pools: dict[type[Any], PartitionRef] = {}


class Pool(PartitionSupervisor):
    """A dynamic supervisor per core for ``owner``, found by :func:`start_child`."""

    def __init__(self, owner: type[Any], **given: Any) -> None:
        super().__init__(DynamicSupervisor, **given)
        self._owner = owner

    def on_start(self) -> None:
        """Start the partitions, then be found."""
        super().on_start()
        ref: Any = self.actor_ref
        _pools[self._owner] = ref

    def terminate(self, reason: Reason) -> None:
        """Take no more children, and stop those there are."""
        self._withdraw()
        super().terminate(reason)

    def kill_now(self) -> None:
        self._withdraw()
        super().kill_now()

    def _withdraw(self) -> None:
        if _pools.get(self._owner) is self.actor_ref:
            del _pools[self._owner]


def pool_spec(owner: type[Any]) -> ChildSpec:
    """Return the spec of the pool of ``owner``."""
    return ChildSpec(id=("pool", owner), start=Pool.start, args=(owner,), type="supervisor")


def start_child(owner: type[Any], child: object, *args: Any, key: Hashable = 0) -> Any:
    """Start ``child`` in the pool of ``owner``, and answer its ref.

    ``child`` and ``args``: see :meth:`SupervisorRef.start_child`; children of one ``key`` are under
    one supervisor. :class:`SupervisionError` ``"noproc"``: there is no pool, as no endpoint that
    runs in this process mounts ``owner``, or its ``child_spec`` is not the default.
    """
    pool = _pools.get(owner)
    if pool is None:
        name = owner.__qualname__
        raise SupervisionError(
            "noproc",
            f"{name} has no pool here: mount it, endpoint.socket('/path', {name}), start the"
            " endpoint, and leave child_spec as it is",
        )
    return pool.partition(key).start_child(child, *args)
