"""Whether a shutdown fits into the time that it may take, and the sum in words: arithmetic alone.

Of ``grace`` seconds the drain, the server and the last moment are planned for; all else in the tree
gets what they leave, which is more than it seems to be, as hardly anything takes as long as it may.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from actors.errors import ConfigError
from actors.schedule import reserve


@dataclass(frozen=True, slots=True, kw_only=True)
class Drain:
    """One drainer: whose connections, for how long, and how many it can tell in that time.

    ``capacity`` is ``None`` for any number, and where a drainer is the application's own.
    """

    name: str
    seconds: float
    capacity: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """``others``: what else is in the tree, by what each child asks for; ``None``: no bound."""

    grace: float
    server: float
    drains: Sequence[Drain] = ()
    others: Sequence[float | None] = ()
    max_connections: int | None = None

    @property
    def drain(self) -> float:
        """The longest drain: they run at the same time."""
        return max((drain.seconds for drain in self.drains), default=0.0)

    @property
    def needed(self) -> float:
        """The seconds that a shutdown has to have, without what else is in the tree."""
        return self.drain + self.server + reserve(self.grace)

    def check(self) -> None:
        """Raise :class:`ConfigError` with the sum where it is more than there is."""
        if self.needed > self.grace + 1e-9:
            raise ConfigError(
                f"the shutdown does not fit: {self._sum()}, more than grace={self.grace:g}"
                " (shorten drainer={'shutdown': ...} or server_shutdown, or raise grace)"
            )

    def lines(self) -> list[str]:
        """Return the arithmetic in words, a few lines."""
        left = max(0.0, self.grace - self.needed)
        found = [f"shutdown: {self._sum()}, leaving {left:.3g} of grace={self.grace:g}"]
        asked = sum(each for each in self.others if each is not None)
        if asked > left:
            found.append(
                f"shutdown: {len(self.others)} children ask for {asked:g} s; if all take that"
                " long, each gets less"
            )
        found += [_told(drain) for drain in self.drains]
        found += [
            f"shutdown: max_connections={self.max_connections} is more than {drain.name} tells"
            " in its time: the last leave together"
            for drain in self.drains
            if self._overflows(drain)
        ]
        return found

    def _overflows(self, drain: Drain) -> bool:
        most = self.max_connections
        return most is not None and drain.capacity is not None and most > drain.capacity

    def _sum(self) -> str:
        parts = f"drain {self.drain:g} s + connections {self.server:g} s"
        return f"{parts} + last words {reserve(self.grace):g} s = {self.needed:g} s"


def _told(drain: Drain) -> str:
    most = "" if drain.capacity is None else f", up to {drain.capacity} connections in batches"
    return f"shutdown: drain of {drain.name}: {drain.seconds:g} s{most}"
