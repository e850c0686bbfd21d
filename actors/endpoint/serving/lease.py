"""The contract of a lease: the right to run what exists once, for one process at a time.

The workers of one machine have :class:`~supervision.processes.once_file.OnceFile`. One that all
machines share may take its place: the worker that its master has appointed is then the candidate
of its machine, and runs what exists once only while it has the lease. It is given to
:class:`~actors.endpoint.serving.once.Once`, with what links the machines.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

SECONDS: Final = 10.0
"""How long a lease between machines lasts that is not renewed."""

RENEW_EVERY: Final = SECONDS / 5
"""Seconds between two renewals of such a lease."""

STOP_BEFORE: Final = 3.0
"""Seconds before the end of a lease that could not be renewed: what runs is asked to end."""

KILL_BEFORE: Final = 1.0
"""Seconds before that end: what has not ended is killed."""

END_PROCESS_BEFORE: Final = 0.3
"""Seconds before that end: a process that hangs, or is stopped, is killed by the kernel."""


class Lease(Protocol):
    """One process's end of it. No call blocks; replies come on the loop, at once or later.

    Each ``reply`` is called exactly once, also where the store cannot be reached: within
    ``seconds``, as what comes later is of no use.
    """

    @property
    def seconds(self) -> float:
        """How long it lasts from the moment it was asked for; infinity: as long as the process."""

    @property
    def renew_every(self) -> float:
        """Seconds between two renewals."""

    @property
    def retry(self) -> float:
        """Seconds until it is asked for again where it was not granted, or not answered."""

    def acquire(self, reply: Callable[[int | None], object]) -> None:
        """Ask for it. ``reply(number)``: it is granted; ``reply(None)``: it is not.

        The number is greater than each that any process was granted before: resources that matter
        compare it with the last one that they have seen (a fencing token).
        """

    def renew(self, number: int, reply: Callable[[bool | None], object]) -> None:
        """Have it last ``seconds`` from now. ``reply(True)``: it does; ``reply(False)``: lost.

        ``reply(None)``: nobody knows, as the store could not be asked.
        """

    def release(self, number: int) -> None:
        """Give it back, so that another may have it at once; nothing if it is lost already."""
