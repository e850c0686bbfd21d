"""What a worker remembers of sessions that live in other workers: for the relay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.pubsub.cluster import Cluster
    from actors.runtime.timers import Timer
    from transports.http.responder import Caller
    from transports.longpoll.intake import Share
    from transports.longpoll.token import SessionToken


@dataclass(slots=True, eq=False)
class Waiting:
    """A request of a client here, for a session elsewhere.

    ``lost()`` answers that the session is lost. ``share`` is what a POST keeps here, and ``size``
    what of it is in flight; a poll has none. ``timeout``: until the far worker must have said
    something. ``until``: when it must be answered. ``held``: whether the far worker has said that
    it has it. ``last``: when it is asked for the last time, where it cannot be reached.
    """

    token: SessionToken
    http: Caller
    lost: Callable[[], object]
    share: Share | None
    size: int
    timeout: float
    until: float
    timer: Timer = field(init=False)
    held: bool = False
    last: float | None = None


class Elsewhere:
    """A session of another worker, as the connections here that were used for it know it."""

    __slots__ = ("__weakref__", "_cluster", "_worker", "gone")

    def __init__(self, cluster: Cluster, worker: str) -> None:
        self._cluster = cluster
        self._worker = worker
        self.gone = False
        """Whether a poll was told that it is lost."""

    @property
    def pending(self) -> bool:
        """Whether its worker may still have something for its client."""
        return not self.gone and self._cluster.reaches(self._worker)
