"""What links this process to others: the contract of an adapter (``Phoenix.PubSub.Adapter``).

:class:`~actors.pubsub.bus.Bus` is one, for the workers of one machine. The owner of an adapter
attaches it to the pubsub (:meth:`actors.pubsub.front.PubSub.attach`), which then has it carry
broadcasts. Requests and notices are for code of ours that talks to its like in another process.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

Reply = Callable[[Any], object]
"""Takes an answer. ``False``: too much waits to be sent, and it may be called once more with one of
at most :data:`~actors.pubsub.wire.SMALL` bytes, for which there is room."""

Handler = Callable[[str, Any, Reply | None], object]


class Cluster(Protocol):
    """Links to other workers. No call blocks, and no callback may.

    Delivery is at most once, in the order of each sender. A body holds plain values alone
    (:mod:`actors.packets`), else the call raises ``TypeError``.
    """

    @property
    def worker(self) -> str:
        """The name of this process among its peers, new at each boot."""

    @property
    def peers(self) -> Collection[str]:
        """The other workers that are known, by name, whether or not they can be reached now.

        Not those of other machines: nobody lists them.
        """

    @property
    def hears(self) -> bool:
        """Whether others would be heard: else their silence says nothing about them."""

    def reaches(self, worker: str) -> bool:
        """Whether what is for ``worker`` can be sent this way: it is a peer, or may be one."""

    def publish(self, number: int, topic: str, kind: str, packed: bytes) -> None:
        """Send a parcel to all others; it never comes back here.

        ``number`` is this process's running number of its broadcasts, from 1 on. ``kind`` says what
        ``packed`` is: ``"plain"`` is :func:`actors.packets.pack`'s. A worker that does not know a
        kind passes the parcel over.
        """

    def position(self, number: int) -> None:
        """Tell all others that our last broadcast was ``number``, so that its loss shows too."""

    def direct(self, worker: str, topic: str, kind: str, packed: bytes) -> bool:
        """Send a parcel to one; ``False`` if it is not to be reached."""

    def request(self, worker: str, kind: str, body: Any, timeout: float, reply: Reply) -> bool:
        """Ask ``worker``; ``reply(answer)`` is called once, with ``None`` if there is none.

        That is where it is gone or late (``timeout``, in seconds). ``False``: it is not asked, and
        nobody calls ``reply``, as there is no such worker or too much waits to be sent.
        """

    def notify(self, worker: str, kind: str, body: Any) -> bool:
        """Tell ``worker`` what it does not answer; nothing is kept of it here.

        ``False``: it is not sent, as there is no such worker or too much waits to be sent.
        """

    def notify_all(self, kind: str, body: Any) -> None:
        """Tell every other worker what it does not answer; one that cannot be told misses it."""

    def serve(self, kind: str, handler: Handler) -> None:
        """Have ``handler(worker, body, reply)`` called for requests and notices of ``kind``.

        ``reply(answer)`` may be called later, and once; it is ``None`` for a notice.
        """

    def may_return(self, worker: str) -> bool:
        """Whether ``worker`` is of another machine: if it cannot be reached it may be back soon."""

    def joined(self, callback: Callable[[str], object]) -> None:
        """Call ``callback(worker)`` each time when a worker can be reached: it was greeted."""

    def gone(self, callback: Callable[[str], object]) -> None:
        """Call ``callback(worker)`` each time when a worker has hung up, or is no peer any more.

        It has ended, or comes back in a moment; what it was asked, or was to answer, is lost.
        """

    def unsent(self, worker: str) -> int:
        """Return the bytes of requests, replies and notices that wait to be sent to ``worker``."""

    def longest(self, worker: str) -> int:
        """Return how many bytes a request, reply or notice to ``worker`` may have."""

    def takes_notices(self, worker: str) -> bool:
        """Whether ``worker`` knows notices: not a worker of the release before this one."""
