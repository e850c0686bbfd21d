"""Filters and handlers of an application's that raise: said once, and nobody else notices.

The standard library lets what they raise come out of ``logger.info(...)``, where it would end the
actor that logs, or a part of ours. A logger of :class:`GuardedLogger` asks each of them in turn.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from actors.crash_text import crash, place
from actors.logs.formatter import LOGGERS

logger = logging.getLogger("roost.endpoint")

MAX_TOLD: Final = 64
"""Failures that are told apart; further ones are not told."""

_told: set[tuple[object, ...]] = set()


def failed(what: str, who: object, error: BaseException) -> None:
    """Say, once for each kind and place, that ``who`` raised."""
    kind = (what, type(who), type(error), place(error))
    if kind not in _told and len(_told) < MAX_TOLD:
        _told.add(kind)  # first, as it is asked about this line too
        name = type(who).__name__
        logger.error("a log %s of %s failed: %s", what, name, crash(error), exc_info=error)


@contextmanager
def guarded(what: str, who: object) -> Iterator[None]:
    """Let no ``Exception`` out."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - an application's filter, handler or context
        failed(what, who, error)


def passes(filterer: logging.Filterer, record: logging.LogRecord) -> Any:
    """Return what ``filterer.filter`` would; a filter that raises lets the record pass."""
    for each in filterer.filters:
        answer: Any = True
        with guarded("filter", each):
            answer = each.filter(record) if isinstance(each, logging.Filter) else _ask(each, record)
        if not answer:
            return False
        if isinstance(answer, logging.LogRecord):
            record = answer
    return record


def _ask(given: Any, record: logging.LogRecord) -> Any:
    """Ask a filter that is a function, or an object that is one by its method alone."""
    return given.filter(record) if hasattr(given, "filter") else given(record)


class GuardedLogger(logging.Logger):
    """A logger whose filters and handlers may raise."""

    def filter(self, record: logging.LogRecord) -> Any:
        """Ask its filters, see :func:`passes`."""
        return passes(self, record)

    def callHandlers(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Hand ``record`` to each handler of its own and of those over it."""
        each: logging.Logger | None = self
        found = False
        while each is not None:
            for handler in each.handlers:
                found = True
                if record.levelno >= handler.level:
                    with guarded("handler", handler):
                        handler.handle(record)
            each = each.parent if each.propagate else None
        if not found:
            super().callHandlers(record)  # the library's last resort


class GuardedRoot(GuardedLogger, logging.RootLogger):
    """The same, of the root."""


def guard(*, all_loggers: bool = False) -> None:
    """Guard our own loggers; ``all_loggers``: also the application's, unless of another class."""
    names = list(logging.Logger.manager.loggerDict) if all_loggers else LOGGERS
    for name in (*names, *LOGGERS):
        found = logging.getLogger(name)
        if type(found) is logging.Logger:
            found.__class__ = GuardedLogger
    if all_loggers:
        if type(logging.root) is logging.RootLogger:
            logging.root.__class__ = GuardedRoot
        if logging.getLoggerClass() is logging.Logger:
            logging.setLoggerClass(GuardedLogger)


guard()
