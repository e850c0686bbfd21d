"""What the master tells :mod:`actors.telemetry` of a reload: its start, and how it went."""

from __future__ import annotations

from collections.abc import Callable

from actors import telemetry


class Reload:
    """A reload that goes on, for the events that tell of it; ``trigger`` asked for it."""

    def __init__(self, trigger: str, workers: int, clock: Callable[[], float]) -> None:
        self._trigger = trigger
        self._clock = clock
        self._began = clock()
        telemetry.execute("reload.start", {"count": workers}, {"trigger": trigger})

    def done(self) -> None:
        """Tell that all workers have been replaced."""
        duration = self._clock() - self._began
        telemetry.execute("reload.stop", {"duration": duration}, {"trigger": self._trigger})

    def failed(self, why: str) -> None:
        """Tell that it was called off."""
        duration = self._clock() - self._began
        about = {"trigger": self._trigger, "error": why}
        telemetry.execute("reload.failed", {"duration": duration}, about)
