"""The connections taken over from another server: how many there are, and their end."""

from __future__ import annotations

import logging

import gevent
from gevent.event import Event

from actors.errors import HTTPError
from transports.tcp.admission import TOTAL, Admission
from transports.tcp.stream import Stream
from transports.turned_away import turned_away

logger = logging.getLogger("roost.transports")

_RETRY = (("retry-after", "1"),)


class Taken:
    """The streams: ``most`` of them, and of each address; ``None`` is no bound."""

    def __init__(self, most: int | None, most_per_address: int | None) -> None:
        self._bounds = most, most_per_address
        self._admission = Admission()
        self._exchanges: set[object] = set()
        self.draining = False
        self._empty: Event | None = None
        self.streams: set[Stream] = set()

    def admit(self, address: str) -> None:
        """Raise :class:`HTTPError` 503 where one more connection would be too many."""
        reached = self._admission.reached(address, *self._bounds)
        if not self.draining and reached is None:
            return
        cause = "limit" if reached is TOTAL else "address_limit"
        turned_away(None, "draining" if self.draining else cause, 503)
        raise HTTPError(503, "", _RETRY)

    def add(self, stream: Stream) -> None:
        """Count ``stream`` until it is closed."""
        stream.on_closed = self._closed
        self.streams.add(stream)
        self._admission.enter(stream.peer[0])

    def _closed(self, stream: Stream) -> None:
        self.streams.discard(stream)
        self._admission.leave(stream.peer[0])
        self._tell_empty()

    def enter(self, exchange: object) -> None:
        """Wait for ``exchange`` too when draining."""
        self._exchanges.add(exchange)

    def discard(self, exchange: object) -> None:
        """``exchange`` has its answer."""
        self._exchanges.discard(exchange)
        self._tell_empty()

    def _tell_empty(self) -> None:
        if self._empty is not None and not self.streams and not self._exchanges:
            self._empty.set()

    def tell(self) -> None:
        """Have every stream end with 1012."""
        for stream in list(self.streams):
            if stream.protocol is not None:
                stream.protocol.drain()

    def drain(self, budget: float) -> bool:
        """End every stream with 1012; return whether that came about in ``budget`` seconds."""
        self.draining = True
        self.tell()
        if self.streams or self._exchanges:
            self._empty = Event()
            self._empty.wait(budget)
        orderly = not self.streams and not self._exchanges
        if not orderly:
            logger.warning("cut off %d connections after %g s", len(self.streams), budget)
        for stream in list(self.streams):
            stream.abort()
        gevent.sleep(0)  # the answers that were waited for leave now
        return orderly
