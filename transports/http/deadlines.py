"""The deadlines of one HTTP connection: how long it waits for what, and for anything at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.runtime.dispatcher import Dispatcher
from actors.runtime.timers import Timer
from actors.schedule import QUIET

_NEVER: Final = float("inf")


class Deadlines:
    """``on_due(late)`` is called when one has come; ``late``: it is that of :meth:`begin`.

    There is one timer, which is early where a deadline was put off since. Whoever reads the stream
    afterwards may take it over.
    """

    __slots__ = ("_dispatcher", "_on_due", "_quiet", "_timer", "_timer_at", "_whole")

    def __init__(self, dispatcher: Dispatcher, on_due: Callable[[bool], object]) -> None:
        self._dispatcher = dispatcher
        self._on_due: Callable[[bool], object] | None = on_due
        self._whole = self._quiet = self._timer_at = _NEVER
        self._timer: Timer | None = None

    @property
    def pending(self) -> bool:
        """Whether the whole of something is waited for."""
        return self._whole < _NEVER

    def begin(self, seconds: float) -> None:
        """Wait for so long for the whole of something."""
        self._whole = due = self._dispatcher.now + seconds
        if self._timer is None or due < self._timer_at:
            self._set_timer(due)

    def await_quiet(self) -> None:
        """Wait for :data:`~actors.schedule.QUIET` seconds from now, too."""
        self._quiet = due = self._dispatcher.clock() + QUIET
        if self._timer is None or due < self._timer_at:
            self._set_timer(due)

    def clear(self) -> None:
        """Wait for nothing."""
        self._whole = self._quiet = _NEVER

    def end(self) -> None:
        """Never call again, and let go of the connection: it should not need the collector."""
        self._on_due = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def let_go(self) -> Timer | None:
        """Never call again, and return the timer, which is the caller's from now on."""
        self._on_due = None
        timer, self._timer = self._timer, None
        return timer

    def _set_timer(self, due: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = self._dispatcher.timers.call_at(due, self._expired)

    def _expired(self) -> float | None:
        now, due = self._dispatcher.clock(), min(self._whole, self._quiet)
        if now < due < _NEVER:
            self._timer_at = due
            return due
        self._timer = None
        if due < _NEVER and self._on_due is not None:
            self._on_due(now >= self._whole)
        return None
