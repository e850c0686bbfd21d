"""A record as a line: for a person, or as JSON; without control characters and secrets.

:class:`LineFormatter` and :class:`JSONFormatter` are for our own handlers, and do so for every
line, an application's too. Where the handlers are somebody else's (pywsgi, gunicorn, pytest)
:class:`SafeLines` does it for the lines of Roost's own loggers, to which it is attached when this
is imported.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from actors.capped_log import STACK
from actors.crash_text import said, stack
from actors.logs.escaping import escaped
from actors.logs.filtering import SECRETS, Parameters, hidden, used
from actors.logs.line import MAX_LINE, line, timestamp
from actors.logs.values import MAX_FIELD, text

LAYOUT: Final = "%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s"

LOGGERS: Final = (
    "roost.access",
    "roost.channels",
    "roost.client",
    "roost.endpoint",
    "roost.master",
    "roost.metrics",
    "roost.ops",
    "roost.presence",
    "roost.pubsub",
    "roost.runtime",
    "roost.supervision",
    "roost.telemetry",
    "roost.transports",
    "roost.worker",
)
"""All loggers of Roost."""

HELD_BACK: Final = "(its stack is with an earlier line like this)"

CONTEXT: Final = "roost_context"
"""The attribute of a record with fields of ours, whom it is about: a mapping, or not there."""

FIELDS: Final = "roost_fields"
"""The attribute of a record with further fields, whose names may be those of a record's own."""

_STANDARD: Final = frozenset(
    (
        *vars(logging.makeLogRecord({})),
        "asctime",
        "message",
        "taskName",
        STACK,
        CONTEXT,
        SECRETS,
        FIELDS,
    )
)


class LineFormatter(logging.Formatter):
    """One line for each record; the lines of a stack follow, each with two spaces before it."""

    def __init__(self) -> None:
        super().__init__(LAYOUT)

    def format(self, record: logging.LogRecord) -> str:
        parameters = _parameters(record)
        record.message = parameters.text(_message(record)[0])
        record.asctime = self.formatTime(record)
        lines = [_bounded(escaped(self.formatMessage(record)))]
        if record.exc_info and record.exc_info[1] is not None and getattr(record, STACK, True):
            lines += parameters.text(stack(record.exc_info[1])).split("\n")
        if record.stack_info:
            shown = parameters.text(str(record.stack_info)[:MAX_LINE])
            lines += [escaped(each) for each in shown.split("\n")]
        return "\n".join([lines[0], *(f"  {each}".rstrip() for each in lines[1:])])


class JSONFormatter(logging.Formatter):
    """One object of JSON for each record, on one line: :mod:`actors.logs.line` says what is in it.

    ``worker``: the number of the worker whose lines these are, ``None`` for another process.
    ``stacks``: have those of errors in the line.
    """

    def __init__(self, worker: int | None = None, *, stacks: bool = False) -> None:
        super().__init__()
        self._worker = worker
        self._stacks = stacks

    def format(self, record: logging.LogRecord) -> str:
        parameters = _parameters(record)
        own: dict[str, Any] = {
            "ts": timestamp(record.created),
            "level": text(record.levelname.lower(), parameters),
            "logger": text(record.name, parameters),
            "message": text(_message(record)[0], parameters),
            "pid": record.process,
            "worker": self._worker,
        }
        for name, value in getattr(record, CONTEXT, {}).items():
            own.setdefault(name, text(value, parameters))
        extra = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        extra = {**getattr(record, FIELDS, {}), **extra}
        if record.stack_info:
            extra.setdefault("stack_info", str(record.stack_info)[-MAX_FIELD:])  # its inner end
        return line(own, extra, parameters, self._error(record, parameters))

    def _error(self, record: logging.LogRecord, parameters: Parameters) -> Mapping[str, str] | None:
        error = record.exc_info[1] if record.exc_info else None
        if error is None:
            return None
        found = {
            "type": text(type(error).__name__, parameters),
            "message": text(said(error), parameters),
        }
        if self._stacks and getattr(record, STACK, True):
            found["stack"] = parameters.text(stack(error))
        return found


class SafeLines(logging.Filter):
    """Has any formatter write what :class:`LineFormatter` would; no record is left out."""

    def filter(self, record: logging.LogRecord) -> bool:
        text, whole = _message(record)
        safe = _bounded(escaped(hidden(text)))
        if safe != text or not whole:
            record.msg, record.args = safe, None
        if record.exc_info and record.exc_info[1] is not None:
            # What formatters take if it is there.
            show = getattr(record, STACK, True)
            record.exc_text = stack(record.exc_info[1]) if show else HELD_BACK
        return True


def _parameters(record: logging.LogRecord) -> Parameters:
    secrets = getattr(record, SECRETS, None)
    return used().knowing(secrets) if secrets else used()


def _message(record: logging.LogRecord) -> tuple[str, bool]:
    """Return what a record says, and whether its arguments are in it."""
    try:
        return record.getMessage(), True
    except Exception as error:  # noqa: BLE001 - an argument's __str__, or a wrong number of them
        why = f"its arguments cannot be shown: {type(error).__name__}"
        return f"{_cut(record.msg)} ({why})", False


def _cut(message: object) -> str:
    try:
        return str(message)[:200]
    except Exception:  # noqa: BLE001 - an application's __str__
        return f"a {type(message).__name__}"


def _bounded(text: str) -> str:
    if len(text) <= MAX_LINE:
        return text
    return f"{text[:MAX_LINE]}... ({len(text) - MAX_LINE} more characters)"


_SAFE = SafeLines()
for _name in LOGGERS:
    logging.getLogger(_name).addFilter(_SAFE)
