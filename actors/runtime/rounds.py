"""Rounds of turns: who was ready when one began has had a turn when it is over.

They are counted while somebody asks, by a runnable that takes its place in the ready queue, so that
turns cost no more for it. Where every carrier is blocked in user code no round ends.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.runtime.carrier import Carrier, Runnable


class Rounds(Runnable):
    """``number``: how many were counted. One that begins after another was seen to end is whole."""

    __slots__ = ("_schedule", "_waiting", "_watched", "number")

    def __init__(self, schedule: Callable[[Runnable], None]) -> None:
        self._schedule = schedule
        self._watched = False
        self._waiting: list[Callable[[], object]] = []
        self.number = 0

    def watch(self) -> None:
        """Count a round that begins now, unless one is under way."""
        if not self._watched:
            self._watched = True
            self._schedule(self)

    def at_end(self, callback: Callable[[], object]) -> None:
        """Call ``callback``, which must neither block nor raise, when a round has ended."""
        self._waiting.append(callback)
        self.watch()

    def on_turn(self, carrier: Carrier) -> None:  # noqa: ARG002 - the protocol's shape
        """Count the round that ends here."""
        self._watched = False
        self.number += 1
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()
