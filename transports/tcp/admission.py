"""How many there are of something that an address may have too many of, without I/O."""

from __future__ import annotations

from enum import Enum


class Bound(Enum):
    """Which bound lets nobody in any more."""

    TOTAL = "in all"
    PER_ADDRESS = "of one address"


TOTAL, PER_ADDRESS = Bound.TOTAL, Bound.PER_ADDRESS


class Admission:
    """Counts those that are in; ``count`` of them in all."""

    __slots__ = ("_per_address", "count")

    def __init__(self) -> None:
        self._per_address: dict[str, int] = {}
        self.count = 0

    def reached(self, address: str, most: int | None, most_per_address: int | None) -> Bound | None:
        """Return the bound that keeps one more of ``address`` out; ``None`` bounds nothing."""
        if most is not None and self.count >= most:
            return TOTAL
        if most_per_address is not None and self._per_address.get(address, 0) >= most_per_address:
            return PER_ADDRESS
        return None

    def enter(self, address: str) -> None:
        """Count one more."""
        self.count += 1
        self._per_address[address] = self._per_address.get(address, 0) + 1

    def leave(self, address: str) -> None:
        """Count one less; an address that has none is forgotten."""
        self.count -= 1
        left = self._per_address[address] - 1
        if left:
            self._per_address[address] = left
        else:
            del self._per_address[address]
