"""Which sessions were used over a connection, and whether it still has to serve them.

While a server ends, nothing listens any more: what a session has for its client can be fetched over
the connections that are open, and over no other. So a connection is kept as long as one of the
sessions that were used over it holds something, or may still get something.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

MANY: Final = 64
"""Sessions of one connection that are remembered one by one. It is a proxy's that has more."""


class Used(Protocol):
    """A session, as a connection sees it."""

    @property
    def pending(self) -> bool:
        """Whether it holds something for its client, or may still get something."""


class Claims:
    """The sessions that were used over one connection; ``any_pending`` is about all there are."""

    __slots__ = ("_any_pending", "_used", "last")

    def __init__(self, any_pending: Callable[[], bool]) -> None:
        self._any_pending = any_pending
        self.last: Used | None = None
        """The session that was added last, which most requests are of: it need not be again."""
        self._used: set[Used] | None = set()

    def add(self, used: Used) -> None:
        """Remember a session, if there are not too many: then any of them counts."""
        self.last = used
        if self._used is None or used in self._used:
            return
        if len(self._used) >= MANY:
            self._used = {each for each in self._used if each.pending}
        if len(self._used) < MANY:
            self._used.add(used)
        else:
            self._used = None

    @property
    def pending(self) -> bool:
        """Whether a session needs the connection."""
        if self._used is None:
            return self._any_pending()
        return any(each.pending for each in self._used)
