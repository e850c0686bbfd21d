"""What is due at a time, in a heap: most of it is called off before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from heapq import heapify, heappop, heappush

_FEW = 64  # entries that are not worth being looked through


class Deadline:
    """One entry; ``action`` is ``None`` once it has been called off, or is done."""

    __slots__ = ("action", "number", "when")

    def __init__(self, when: float, number: int, action: Callable[[], None]) -> None:
        self.when = when
        self.number = number
        self.action: Callable[[], None] | None = action

    def __lt__(self, other: Deadline) -> bool:
        return (self.when, self.number) < (other.when, other.number)


class Deadlines:
    """Entries by their time; of the same time, as they were made."""

    def __init__(self) -> None:
        self._heap: list[Deadline] = []
        self._number = 0
        self._dead = 0

    def __len__(self) -> int:
        return len(self._heap)

    def at(self, when: float, action: Callable[[], None]) -> Deadline:
        """Have ``action`` done at ``when``."""
        self._number += 1
        entry = Deadline(when, self._number, action)
        heappush(self._heap, entry)
        return entry

    def cancel(self, entry: Deadline | None) -> None:
        """Call an entry off; ``None`` and what is over are ignored."""
        if entry is None or entry.action is None:
            return
        entry.action = None
        self._dead += 1
        if self._dead > _FEW and 2 * self._dead > len(self._heap):
            self._heap = [each for each in self._heap if each.action is not None]
            heapify(self._heap)
            self._dead = 0

    def next(self) -> float | None:
        """Return when the next one is due; ``None`` where there is none."""
        while self._heap and self._heap[0].action is None:
            heappop(self._heap)
            self._dead -= 1
        return self._heap[0].when if self._heap else None

    def due(self, now: float) -> Iterator[Callable[[], None]]:
        """Take out, one by one, what is due; what is called off meanwhile is not among it."""
        while self._heap and self._heap[0].when <= now:
            entry = heappop(self._heap)
            action, entry.action = entry.action, None
            if action is None:
                self._dead -= 1
            else:
                yield action
