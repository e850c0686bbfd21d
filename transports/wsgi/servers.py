"""The servers around an application: when the last of them has stopped, clients are told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol
from weakref import WeakSet

import gevent

from actors.runtime.dispatcher import get_dispatcher

LOOK: Final = 0.25
"""Seconds between two looks at them: a server that stops does not say so to an application."""


class Server(Protocol):
    """A server of gevent's."""

    @property
    def closed(self) -> bool:
        """Whether it accepts nobody any more."""


class Servers:
    """Calls ``on_closed`` in a greenlet when all servers that were seen have closed.

    It is called again where others are seen later, and close.
    """

    def __init__(self, on_closed: Callable[[], object]) -> None:
        self._on_closed = on_closed
        self._open: WeakSet[Server] = WeakSet()
        self._looking = False

    def seen(self, server: Server | None) -> None:
        """Learn that a request came by ``server``; call it on the dispatcher's thread.

        ``None``: by one that cannot be looked at.
        """
        if server is None or server in self._open or server.closed:
            return
        self._open.add(server)
        if not self._looking:
            self._looking = True
            get_dispatcher().timers.call_later(LOOK, self._look)

    def _look(self) -> float | None:
        for server in list(self._open):
            if server.closed:
                self._open.discard(server)
        if self._open:
            return get_dispatcher().clock() + LOOK
        self._looking = False
        gevent.spawn(self._on_closed)
        return None
