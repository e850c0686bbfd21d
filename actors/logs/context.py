"""Whom a log line is about: asked when a line is written, so that it costs nothing before.

Contexts of the standard library's do not follow the greenlets that turns run on; but the carrier
knows what it runs. A line that user code logs from a foreign thread, or from a greenlet that it has
spawned, is about nobody: pass ``extra={...}`` there.
"""

from __future__ import annotations

import logging
from inspect import currentframe

from greenlet import getcurrent

from actors.crash_text import callback, callback_of
from actors.logs.filtering import SECRETS, ask, used
from actors.logs.formatter import CONTEXT, FIELDS
from actors.logs.guard import guarded
from actors.runtime.carrier import Carrier, Runnable


class ContextFilter(logging.Filter):
    """Adds to each record whom it is about; for a handler, as loggers ask filters for their own."""

    def __init__(self) -> None:
        super().__init__()
        self._asking = False
        ask(_at_hand)

    def filter(self, record: logging.LogRecord) -> bool:
        carrier = getcurrent()
        if not isinstance(carrier, Carrier) or self._asking or hasattr(record, SECRETS):
            return True  # or it is of an earlier turn, which was asked then
        runs = carrier.runnable
        if runs is not None:
            self._asking = True  # what it logs itself is about nobody
            try:
                with guarded("context", runs):
                    _add(record, runs)
            finally:
                self._asking = False
        return True


def _at_hand() -> set[str]:
    carrier = getcurrent()
    if isinstance(carrier, Carrier) and carrier.runnable is not None:
        with guarded("context", carrier.runnable):
            return _secrets(carrier.runnable)
    return set()


def _secrets(runs: Runnable) -> set[str]:
    found: set[str] = set()
    for each in runs.log_secrets():
        found |= used().secrets(each)
    return found


def _add(record: logging.LogRecord, runs: Runnable) -> None:
    setattr(record, SECRETS, _secrets(runs))
    context = dict(runs.log_context())
    error = record.exc_info[1] if record.exc_info else None
    where = (callback_of(error) if error is not None else "") or callback(currentframe())
    if where:
        context.setdefault("callback", where)
    setattr(record, CONTEXT, {**context, **getattr(record, CONTEXT, {})})
    fields = runs.log_fields()
    if fields:
        setattr(record, FIELDS, {**fields, **getattr(record, FIELDS, {})})
