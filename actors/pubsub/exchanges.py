"""Requests between workers that wait for their reply, and who handles those of others."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

from actors.pubsub.cluster import Handler, Reply
from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.timers import Timer


class _Asked(NamedTuple):
    """A request that is not answered yet."""

    worker: str
    reply: Reply
    timer: Timer


class Exchanges:
    """One adapter's: what its :class:`~actors.pubsub.cluster.Cluster` says of requests."""

    def __init__(self) -> None:
        self._asked: dict[int, _Asked] = {}
        self._tickets = itertools.count(1)
        self.handlers: dict[str, Handler] = {}

    def __len__(self) -> int:
        return len(self._asked)

    def ticket(self) -> int:
        """Return the ticket of a request that is to be sent."""
        return next(self._tickets)

    def ask(self, ticket: int, worker: str, timeout: float, reply: Reply) -> None:
        """Have ``reply`` called once: by :meth:`settle`, or after ``timeout`` seconds."""
        timers = get_dispatcher().timers
        timer = timers.call_later(timeout, lambda: self.settle(ticket, None))
        self._asked[ticket] = _Asked(worker, reply, timer)

    def settle(self, ticket: int, answer: Any) -> None:
        """Give the answer to whoever asked; nothing happens where that is over."""
        found = self._asked.pop(ticket, None)
        if found is not None:
            found.timer.cancel()
            found.reply(answer)

    def gone(self, worker: str) -> None:
        """Settle all that ``worker`` was asked."""
        for ticket, asked in list(self._asked.items()):
            if asked.worker == worker:
                self.settle(ticket, None)

    def serve(self, kind: str, handler: Handler) -> None:
        """Have ``handler`` called for requests and notices of ``kind``."""
        self.handlers[kind] = handler

    def handle(
        self, worker: str, kind: str, body: Any, send: Callable[[Any], object] | None
    ) -> None:
        """Have a request handled, whose answer goes to ``send``, or a notice, which has none."""
        handler = self.handlers.get(kind)
        if handler is not None:
            handler(worker, body, send)
        elif send is not None:
            send(None)
