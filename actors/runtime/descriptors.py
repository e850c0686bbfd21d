"""The descriptors of the dispatcher's epoll set, who handles their events, and in which order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from select import EPOLLIN
from typing import Any

from gevent import monkey

from actors.runtime.carrier import Runnable
from actors.runtime.dear import PATIENCE, Dear
from actors.speedups import compiled

# gevent removes epoll from a patched select: what blocks on it would block the loop.
epoll: Any = monkey.get_original("select", "epoll")

POLL_EVENTS = 64
"""Descriptors served per poll."""


class Descriptors:
    """The part of the :class:`~actors.runtime.dispatcher.Dispatcher` that knows descriptors.

    What wants a turn is known here too, as it is served before dear descriptors: ``ready``, and
    ``late``, which had one already.
    """

    wake_pending = False
    """Whether a slice is to come anyhow."""

    def __init__(self) -> None:
        self.now = 0.0
        self.ready: deque[Runnable] = deque() if compiled is None else compiled.Queue()
        self.late: deque[Runnable] = deque()
        self.handlers: dict[int, Callable[[int], None]] = {}
        self._events: list[tuple[int, int]] = []
        self._stale: set[int] = set()
        self._again: dict[int, int] = {}
        self._epoll = epoll()
        self._dear = Dear(self._epoll)

    def wake_soon(self) -> None:
        raise NotImplementedError

    def register(
        self, fd: int, events: int, handler: Callable[[int], None], *, yields: bool = False
    ) -> None:
        """Call ``handler(events)`` in the poll phase whenever ``fd`` has some of ``events``.

        ``yields``: when that is dear it waits for others, see :mod:`actors.runtime.dear`.
        """
        self._epoll.register(fd, events)
        self.handlers[fd] = handler
        if not yields:
            self._dear.steady.add(fd)
        if events != EPOLLIN:
            self._dear.modify(fd, events)

    def modify(self, fd: int, events: int) -> None:
        """Ask for other events; what was found before, and not handled yet, does not count."""
        self._epoll.modify(fd, self._dear.modify(fd, events))
        self._stale.add(fd)
        self._again.pop(fd, None)
        if self._dear.line and not self.wake_pending:
            self.wake_soon()

    def unregister(self, fd: int) -> None:
        """Forget ``fd``; must come before it is closed."""
        if self.handlers.pop(fd, None) is not None:
            self._epoll.unregister(fd)
            self._dear.forget(fd)
            self._stale.add(fd)
            if self._again:
                self._again.pop(fd, None)

    def call_again(self, fd: int, events: int) -> None:
        """Call the handler of ``fd`` with ``events`` in the next poll phase, whatever epoll says.

        For one that holds more than it could hand on in one step. :meth:`modify` and
        :meth:`unregister` undo it.
        """
        self._again[fd] = events
        if not self.wake_pending:
            self.wake_soon()

    def close_epoll(self) -> None:
        """Close this process's descriptor of the set; in a forked child the parent's lives on."""
        self._epoll.close()

    def _find_events(self) -> list[tuple[int, int]]:
        self._stale.clear()
        events: list[tuple[int, int]] = self._epoll.poll(0, POLL_EVENTS)
        if self._again:
            again, self._again = self._again, {}
            known = self._dear.muted | dict(events).keys()
            events += [each for each in again.items() if each[0] not in known]
        dear = self._dear
        if dear.line:
            others = events or self.ready or self.late
            if not others or self.now > dear.since + PATIENCE:
                events.append((dear.take(self.now), EPOLLIN))
        return events

    def _serve_compiled(self, dear: float, until: float) -> int:
        """Serve what epoll tells of, as a compiled build does; return how much it was.

        What there was no time for is in ``_events``.
        """
        self._stale.clear()
        found: int
        found, self._events = compiled.poll(
            self, self._epoll.fileno(), POLL_EVENTS, self._stale, self._dear, dear, until
        )
        return found
