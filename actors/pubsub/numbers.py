"""What has come of each publisher's broadcasts, by their running numbers (pure).

Every process numbers what it broadcasts: 1, 2, ... So a receiver can tell a double, which it drops,
and a gap, which it tells as ``pubsub.gap``.

A number that was never the publisher's (anybody who may write into a Redis can say one) would make
all that follows look like doubles. What tells is that from then on everything is below it, also the
position that the publisher says of itself. What is sent again after a break of a link is below too,
but ends within a moment with what is remembered.
"""

from __future__ import annotations

from typing import Final

MAX_PUBLISHERS: Final = 4096
"""Publishers whose numbers are known, else the one that was heard longest ago is forgotten."""


DOUBT: Final = 2.0
"""Seconds for which all that is heard of a publisher must be below what is remembered of it, until
its word counts more."""


class Numbers:
    """The last number of each publisher. ``longest``: how many publishers are kept."""

    def __init__(self, longest: int = MAX_PUBLISHERS) -> None:
        self._last: dict[str, int] = {}
        self._longest = longest
        self._below: dict[str, float] = {}
        """Since when all that is heard of a publisher is below its last number."""

    def take(self, publisher: str, number: int) -> int:
        """Note a broadcast. Return how many before it are missing; -1: it is a double."""
        last = self._last.get(publisher, number - 1)
        if number <= last:
            if number == last:
                self._below.pop(publisher, None)
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

    def below(self, publisher: str, number: int, now: float) -> float | None:
        """Note the number of a broadcast or a position, where it is below what is remembered.

        Return for how many seconds all have been so; ``None``: this one is not.
        """
        if number >= self._last.get(publisher, number):
            return None
        return now - self._below.setdefault(publisher, now)

    @property
    def doubtful(self) -> bool:
        """Whether what is remembered of a publisher may be wrong: its position would tell."""
        return bool(self._below)

    def believe(self, publisher: str, number: int) -> None:
        """Remember ``number`` as the publisher's last, whatever was remembered."""
        self._note(publisher, number)

    def forget(self, publisher: str) -> None:
        """Forget who has left; nothing happens where nothing is known of it."""
        self._last.pop(publisher, None)
        self._below.pop(publisher, None)

    def __len__(self) -> int:
        return len(self._last)

    def _note(self, publisher: str, number: int) -> None:
        last = self._last
        last.pop(publisher, None)  # so that the first one is that of longest ago
        last[publisher] = number
        if self._below:
            self._below.pop(publisher, None)
        if len(last) > self._longest:
            self.forget(next(iter(last)))
