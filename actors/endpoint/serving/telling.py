"""What an endpoint tells :mod:`actors.telemetry` of its own life in this process."""

from __future__ import annotations

from collections.abc import Callable

from actors import telemetry
from actors.endpoint.mounts import Mounts


class Life:
    """Tells one tree's start, and then either its end or that it gave up, once each.

    ``workers``: how many the command was asked for. ``clock``: monotonic seconds.
    """

    def __init__(self, endpoint: Mounts, workers: int, clock: Callable[[], float]) -> None:
        self._endpoint = endpoint
        self._workers = workers
        self._clock = clock
        self._since = clock()
        self._runs = False

    def begins(self) -> None:
        """Learn that the tree is about to start."""
        self._since = self._clock()

    def started(self) -> None:
        """Tell that it has, and that clients are let in."""
        self._runs = True
        duration, self._since = self._clock() - self._since, self._clock()
        about = {"addresses": self._endpoint.served_on, "workers": self._workers}
        telemetry.execute("endpoint.start", {"duration": duration}, about)

    def failed(self, why: str) -> None:
        """Tell that it did not start, or ended although nobody had asked for that."""
        self._runs = False
        duration = self._clock() - self._since
        about = {"addresses": self._endpoint.served_on, "workers": self._workers, "reason": why}
        telemetry.execute("endpoint.failed", {"duration": duration}, about)

    def stopped(self, began: float, reason: str, *, orderly: bool) -> None:
        """Tell that it has ended, as it was told at ``began``; nothing where it did not run."""
        if self._runs:
            self._runs = False
            measured = {"duration": self._clock() - began, "orderly": int(orderly)}
            about = {
                "addresses": self._endpoint.served_on,
                "workers": self._workers,
                "reason": reason,
            }
            telemetry.execute("endpoint.stop", measured, about)
