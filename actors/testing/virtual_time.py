"""``clock``: the time of timers in a test."""

from __future__ import annotations

from actors.testing.stage import Stage


class Clock:
    """The fixture ``clock``: timers stand still until :meth:`advance`."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    @property
    def now(self) -> float:
        """Seconds that have passed for timers; 0.0 where the test begins."""
        return self._stage.dispatcher.virtual

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass: each timer that is due runs at its time, with what follows.

        Callbacks that block are not waited for. ``ValueError`` for less than 0.
        """
        self._stage.advance(seconds)

    def settle(self) -> None:
        """Let the actors run until nothing is ready, in no time."""
        self._stage.settle()
