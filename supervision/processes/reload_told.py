"""What a master tells of a reload: to :mod:`actors.telemetry`, and to who asks how it went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from actors import telemetry

MAX_WORDS: Final = 300
"""Characters of a reason, then it is cut."""


class LastReload:
    """How the last reload went, for a snapshot: the end of what the log says.

    A worker that is drained alone is replaced as by a reload, and is one here.
    """

    def __init__(self) -> None:
        self._number = 0
        self._outcome: str | None = None
        self._why: str | None = None
        self._refused: str | None = None
        self._restart: list[str] = []

    def read(self, *, refused: str | None = None, restart: Sequence[str] = ()) -> None:
        """Learn what the settings, read anew, say.

        ``refused``: why all are as before; ``restart``: names of those that need one.
        """
        self._refused = None if refused is None else refused[:MAX_WORDS]
        self._restart = list(restart)

    def begin(self) -> None:
        """Learn that workers are replaced from now on, or once more."""
        self._number += 1
        self._outcome, self._why = "going on", None

    def done(self) -> None:
        """Learn that all have been replaced."""
        self._outcome = "done"

    def off(self, why: str) -> None:
        """Learn that no more are."""
        self._outcome, self._why = "off", why[:MAX_WORDS]

    def plain(self) -> dict[str, Any]:
        """Return it as it travels, see :mod:`supervision.processes.snapshot`."""
        return {
            "number": self._number, "outcome": self._outcome, "why": self._why,
            "refused": self._refused, "restart": self._restart,
        }  # fmt: skip


class Reload:
    """A reload that goes on, for the events that tell of it; ``trigger`` asked for it.

    How it went is written down in ``last``.
    """

    def __init__(
        self, trigger: str, workers: int, clock: Callable[[], float], last: LastReload
    ) -> None:
        self._trigger = trigger
        self._clock = clock
        self._last = last
        self._began = clock()
        telemetry.execute("reload.start", {"count": workers}, {"trigger": trigger})

    def done(self) -> None:
        """Tell that all workers have been replaced."""
        self._last.done()
        duration = self._clock() - self._began
        telemetry.execute("reload.stop", {"duration": duration}, {"trigger": self._trigger})

    def failed(self, why: str) -> None:
        """Tell that it was called off."""
        self._last.off(why)
        duration = self._clock() - self._began
        about = {"trigger": self._trigger, "error": why}
        telemetry.execute("reload.failed", {"duration": duration}, about)
