"""Descriptors that are dear to serve: they are read from when nobody else waits.

Whoever sends what takes long to read (the smallest chunks, frames or headers there are, without a
pause) would make everybody wait that is readable: in rotation with six hundred of them, for each
of their reads. So a descriptor whose reads take longer than :data:`DEAR` seconds leaves the
readable events of the epoll set and gets in line here. From the line one is read after the other,
each when a poll has found nothing and no turn waits, and at the latest :data:`PATIENCE` seconds
after the one before it. A read that was cheap, or found nothing, brings it back.

One such read may be the machine's fault, which gave the processor to somebody else in its middle,
so it takes two of them with no more than a cheap one between.
"""

from __future__ import annotations

from select import EPOLLIN
from typing import Any, Final

DEAR: Final = 0.0002
"""Seconds of one read from which on a descriptor has to wait for all others."""

PATIENCE: Final = 0.1
"""Seconds after which one of them has its turn although others are ready."""

_STRIKE: Final = 2
_STRIKES: Final = 3


class Dear:
    """Which of ``epoll``'s descriptors are dear; ``line``: those that want to be read, in order.

    Any may become so but those of ``steady``. ``muted`` are dear now, ``strikes`` those whose next
    cheap read is of interest too. ``since`` is when one was last taken from the line.
    """

    __slots__ = ("_asked", "_epoll", "line", "muted", "since", "steady", "strikes")

    def __init__(self, epoll: Any) -> None:
        self._epoll = epoll
        self._asked: dict[int, int] = {}  # where that is not EPOLLIN alone
        self.steady: set[int] = set()
        self.muted: set[int] = set()
        self.strikes: dict[int, int] = {}
        self.line: dict[int, None] = {}
        self.since = 0.0

    def modify(self, fd: int, events: int) -> int:
        """Learn that ``fd`` asks for ``events``; return those that epoll may tell of."""
        if events != EPOLLIN:
            self._asked[fd] = events
        else:
            self._asked.pop(fd, None)
        if fd not in self.muted:
            return events
        if events & EPOLLIN:
            self.line.setdefault(fd)
        else:
            self.line.pop(fd, None)
        return events & ~EPOLLIN

    def forget(self, fd: int) -> None:
        """Forget a descriptor that is unregistered."""
        self._asked.pop(fd, None)
        self.steady.discard(fd)
        if self.strikes or self.muted:
            self.muted.discard(fd)
            self.strikes.pop(fd, None)
            self.line.pop(fd, None)

    def judge(self, fd: int, mask: int, seconds: float) -> None:
        """Learn how long it took to serve the events ``mask`` of ``fd``."""
        if fd in self.steady:
            return
        asked = self._asked.get(fd, EPOLLIN)
        if seconds > DEAR:
            self.strikes[fd] = min(self.strikes.get(fd, 0) + _STRIKE, _STRIKES)
            if self.strikes[fd] == _STRIKES:
                self._mute(fd, asked)
        elif mask & EPOLLIN and fd in self.strikes:
            self.strikes[fd] -= 1
            if not self.strikes[fd]:
                del self.strikes[fd]
            if fd in self.muted:
                self.muted.discard(fd)
                self.line.pop(fd, None)
                self._epoll.modify(fd, asked)

    def _mute(self, fd: int, asked: int) -> None:
        if fd not in self.muted:
            self.muted.add(fd)
            self._epoll.modify(fd, asked & ~EPOLLIN)
        if asked & EPOLLIN:
            self.line.setdefault(fd)

    def take(self, now: float) -> int:
        """Return whose turn it is to be read from; the line is not empty."""
        self.since = now
        fd = next(iter(self.line))
        del self.line[fd]
        return fd
