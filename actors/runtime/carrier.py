"""The greenlets that turns run on, and what they run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from greenlet import greenlet

from actors.crash_log import CrashLog

logger = logging.getLogger("roost.runtime")

CRASHES: Final = CrashLog(logger)


_switch: Final = greenlet.switch  # for each wake; super() would be made anew


class Runnable(Protocol):
    """What the ready queue holds; to be inherited from."""

    __slots__ = ()

    @property
    def kind(self) -> type:
        """What it is, for the log."""
        return type(self)

    def on_turn(self, carrier: Carrier) -> None:
        """Run one turn; may block, must not raise."""

    def log_context(self) -> Mapping[str, str]:
        """Return fields of ours of a line that the turn logs (:data:`actors.logs.line.OURS`)."""
        return {}

    def log_fields(self) -> Mapping[str, Any]:
        """Return further fields of such a line, the application's."""
        return {}

    def log_secrets(self) -> tuple[object, ...]:
        """Return where values are that such a line must not show, behind names of secrets."""
        return ()

    def on_blocked(self) -> None:
        """Learn, on the loop, that the turn blocked; must not block."""
        return


class Carrier(greenlet):
    """A greenlet that runs turns; ``runnable`` is what it runs now.

    ``resumed`` is called on the loop each time that gevent has resumed what blocks here.
    """

    runnable: Runnable | None = None
    was_parked = False
    idle = False

    def __init__(
        self, run: Callable[[], object], hub: greenlet, resumed: Callable[[], object]
    ) -> None:
        super().__init__(run, hub)
        self.resumed = resumed

    def enter(self) -> bool:
        """Let it run turns, on the loop; return whether the last one has blocked."""
        _switch(self)
        if self.runnable is None:
            return False
        self.was_parked = True
        try:
            self.runnable.on_blocked()
        except Exception:
            logger.exception("%s failed to park", self.runnable)
        return True

    def switch(self, *what: Any) -> object:
        """Resume what blocks here."""
        answer = super().switch(*what)
        self.resumed()
        return answer

    def throw(self, *what: Any) -> object:
        """Raise in the handler that blocks here; an idle carrier has none, and must live on.

        A ``gevent.Timeout`` that a handler started and never closed comes here when it expires.
        """
        if self.idle or self.dead:
            logger.error("thrown at no handler: %.200r; was a gevent.Timeout left open?", what[0])
            return None
        return super().throw(*what)


class Job(Runnable):
    """A function as a :class:`Runnable`."""

    __slots__ = ("function",)

    def __init__(self, function: Callable[[], object]) -> None:
        self.function = function

    def on_turn(self, carrier: Carrier) -> None:  # noqa: ARG002 - the protocol's shape
        """Call it; an error of whatever kind is logged and ends here."""
        try:
            self.function()
        except BaseException as error:  # noqa: BLE001 - the carrier outlives GreenletExit too
            CRASHES.log(error, "a job failed")
