"""What has come and was not taken yet: bounded, the oldest goes first."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Inbox(Generic[T]):
    """A queue of at most ``max_items`` and ``max_bytes``.

    Where the next one has no room the oldest are dropped, and counted in ``dropped``. One that is
    larger than ``max_bytes`` by itself is dropped, and so is all before it: what is kept has no
    gap.
    """

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self.dropped = 0
        self._max_items = max_items
        self._max_bytes = max_bytes
        self._bytes = 0
        self._items: deque[tuple[T, int]] = deque()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T, size: int) -> int:
        """Keep ``item`` of ``size`` bytes; return how many were dropped for it."""
        self._items.append((item, size))
        self._bytes += size
        lost = 0
        while len(self._items) > self._max_items or self._bytes > self._max_bytes:
            self.take()
            lost += 1
        self.dropped += lost
        return lost

    def take(self) -> T:
        """Take the oldest; ``IndexError`` where there is none."""
        item, size = self._items.popleft()
        self._bytes -= size
        return item

    def clear(self) -> None:
        """Drop all, uncounted."""
        self._items.clear()
        self._bytes = 0
