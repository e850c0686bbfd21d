"""Log lines that anybody can cause: so many in a period, and how many more there were."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Final
from weakref import WeakSet

from actors.logs.filtering import SECRETS, secrets_at_hand

KEYS: Final = 256
"""Kinds of lines that are told apart at once."""

STACK: Final = "roost_stack"
"""The attribute of a record that says whether its stack is to be printed."""

Later = Callable[[float, Callable[[], None]], object]


class _Window:
    """One period of one kind of line, and what was held back in it."""

    __slots__ = ("args", "held", "level", "message", "secrets", "until", "written")

    def __init__(self, level: int, until: float) -> None:
        self.level = level
        self.until = until
        self.written = self.held = 0
        self.message, self.args = "", ()  # type: str, tuple[object, ...]
        self.secrets: set[str] = set()


class CappedLog:
    """Writes ``burst`` lines of a kind in each ``period`` seconds, and counts the others.

    The count is told when the period is over, behind the first line that was held back: with the
    next line, or before that by ``later(seconds, function)``, which calls the function then, at the
    latest when the process ends; at ``count_level``, by default that of the lines. ``clock`` is
    monotonic seconds.
    """

    def __init__(
        self,
        logger: logging.Logger,
        *,
        burst: int = 1,
        period: float = 1.0,
        count_level: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        later: Later | None = None,
    ) -> None:
        self._logger = logger
        self._burst = burst
        self._period = period
        self._count_level = count_level
        self._clock = clock
        self._later = later
        self._windows: dict[Hashable, _Window] = {}

    def log(
        self,
        level: int,
        kind: Hashable,
        message: str,
        *args: object,
        error: BaseException | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Log ``message % args``, unless there were enough of its ``kind``.

        ``extra`` are fields of the record, as of the standard library.

        ``error`` goes along, for handlers that want it; its stack is printed with the first line
        of a period (:mod:`actors.logs.formatter`).
        """
        if not self._logger.isEnabledFor(level):
            return
        now = self._clock()
        window = self._windows.get(kind)
        if window is None or now >= window.until:
            window, held = self._new(kind, level, now, (message, args) if error is None else None)
            if held:
                message, args = _counted(message, args, held)
        if window.written < self._burst:
            window.written += 1
            more = {**(extra or {}), STACK: window.written == 1}
            self._logger.log(level, message, *args, exc_info=error, extra=more)
            return
        window.held += 1
        if window.held == 1:
            window.message, window.args = message, args
            window.secrets = secrets_at_hand()  # whoever tells it will not know them
            _untold.add(self)
            if self._later is not None:
                self._later(window.until - now, lambda: self._tell(window))

    def tell_all(self) -> None:
        """Tell each count that is not told yet."""
        for window in list(self._windows.values()):
            self._tell(window)

    def _new(
        self, kind: Hashable, level: int, now: float, line: tuple[str, tuple[object, ...]] | None
    ) -> tuple[_Window, int]:
        """Begin a period; return also how many were held back that are the same as ``line``."""
        same = 0
        before = self._windows.pop(kind, None)
        if before is None and len(self._windows) >= KEYS:
            before = self._windows.pop(next(iter(self._windows)), None)  # the oldest period
        elif before is not None and (before.message, before.args) == line:
            same, before.held = before.held, 0
        if before is not None:
            self._tell(before)
        window = self._windows[kind] = _Window(level, now + self._period)
        return window, same

    def _tell(self, window: _Window) -> None:
        if window.held:
            message, args = _counted(window.message, window.args, window.held)
            window.held, window.args = 0, ()
            extra = {SECRETS: window.secrets}
            self._logger.log(self._count_level or window.level, message, *args, extra=extra)


_untold: WeakSet[CappedLog] = WeakSet()
"""Those that may have held something back."""


def tell_all() -> None:
    """Tell each count of this process that is not told yet: it ends, and nobody will later."""
    for each in list(_untold):
        each.tell_all()


def _counted(message: str, args: tuple[object, ...], held: int) -> tuple[str, tuple[object, ...]]:
    lines = "line like this was" if held == 1 else "lines like this were"
    return f"{message} (%d {lines} held back)", (*args, held)
