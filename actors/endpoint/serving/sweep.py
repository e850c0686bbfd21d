"""Looking at everything in a process in steps, between which the loop has its turns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from actors.runtime.timers import Timers

T = TypeVar("T")

STEP: Final = 512
"""Connections or actors of one step: a tenth of a millisecond."""


def steps(of: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield the parts that are looked at in one step each."""
    for start in range(0, len(of), STEP):
        yield of[start : start + STEP]


class Sweep:
    """``walk`` yields after each step."""

    def __init__(self, timers: Timers, walk: Callable[[], Iterator[object]]) -> None:
        self._timers = timers
        self._walk = walk
        self._rest: Iterator[object] | None = None
        self._done: Callable[[], object] | None = None

    @property
    def busy(self) -> bool:
        """Whether one is under way."""
        return self._rest is not None

    def begin(self, done: Callable[[], object]) -> None:
        """Sweep, and call ``done()``; where one is under way nothing is begun."""
        if self._rest is None:
            self._rest, self._done = self._walk(), done
            self._timers.call_later(0.0, self._step)

    def finish(self) -> None:
        """Sweep at once, whatever is under way; nobody is called."""
        self._rest = self._done = None
        for _ in self._walk():
            pass

    def _step(self) -> float | None:
        if self._rest is None:
            return None
        try:
            for _ in self._rest:
                return self._timers.now()  # as soon as others had their turn
        except BaseException:
            self._rest = self._done = None
            raise
        done, self._rest, self._done = self._done, None, None
        if done is not None:
            done()
        return None
