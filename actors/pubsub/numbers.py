"""What has come of each publisher's broadcasts, by their running numbers (pure).

Every process numbers what it broadcasts: 1, 2, ... So a receiver can tell a double, which it drops,
and a gap, which it tells as ``pubsub.gap``.
"""

from __future__ import annotations

from typing import Final

MAX_PUBLISHERS: Final = 4096
"""Publishers whose numbers are known, else the one that was heard longest ago is forgotten."""


class Numbers:
    """The last number of each publisher. ``longest``: how many publishers are kept."""

    def __init__(self, longest: int = MAX_PUBLISHERS) -> None:
        self._last: dict[str, int] = {}
        self._longest = longest

    def take(self, publisher: str, number: int) -> int:
        """Note a broadcast. Return how many before it are missing; -1: it is a double."""
        last = self._last.get(publisher, number - 1)
        if number <= last:
            return -1
        self._note(publisher, number)
        return number - 1 - last

    def reached(self, publisher: str, number: int) -> int:
        """Note that the publisher's last broadcast was ``number``; return how many are missing.

        Of one that is not known yet none are: what it said before was not for us.
        """
        last = self._last.get(publisher, number)
        if number >= last:
            self._note(publisher, number)
        return max(0, number - last)

    def forget(self, publisher: str) -> None:
        """Forget who has left; nothing happens where nothing is known of it."""
        self._last.pop(publisher, None)

    def __len__(self) -> int:
        return len(self._last)

    def _note(self, publisher: str, number: int) -> None:
        last = self._last
        last.pop(publisher, None)  # so that the first one is that of longest ago
        last[publisher] = number
        if len(last) > self._longest:
            del last[next(iter(last))]
