"""What a log line says: the layout, and no control character that somebody else chose.

:class:`LineFormatter` is for our own handlers, and does so for every line, an application's too.
Where the handlers are somebody else's (pywsgi, gunicorn, pytest) :class:`SafeLines` does it for the
lines of Roost's own loggers, to which it is attached when this is imported.
"""

from __future__ import annotations

import logging
from typing import Final

from actors.capped_log import STACK
from actors.crash_text import escaped, stack

LAYOUT: Final = "%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s"

LOGGERS: Final = (
    "roost.channels",
    "roost.client",
    "roost.endpoint",
    "roost.master",
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

MAX_LINE: Final = 16_384
"""Characters of a line; the rest is left out."""


HELD_BACK: Final = "(its stack is with an earlier line like this)"


class LineFormatter(logging.Formatter):
    """One line for each record; the lines of a stack follow, each with two spaces before it."""

    def __init__(self) -> None:
        super().__init__(LAYOUT)

    def format(self, record: logging.LogRecord) -> str:
        record.message, _ = _message(record)
        record.asctime = self.formatTime(record)
        lines = [_bounded(escaped(self.formatMessage(record)))]
        if record.exc_info and record.exc_info[1] is not None and getattr(record, STACK, True):
            lines += stack(record.exc_info[1]).split("\n")
        if record.stack_info:
            lines += [escaped(line) for line in str(record.stack_info)[:MAX_LINE].split("\n")]
        return "\n".join([lines[0], *(f"  {line}".rstrip() for line in lines[1:])])


class SafeLines(logging.Filter):
    """Has any formatter write what :class:`LineFormatter` would; no record is left out."""

    def filter(self, record: logging.LogRecord) -> bool:
        text, whole = _message(record)
        safe = _bounded(escaped(text))
        if safe != text or not whole:
            record.msg, record.args = safe, None
        if record.exc_info and record.exc_info[1] is not None:
            # What formatters take if it is there.
            show = getattr(record, STACK, True)
            record.exc_text = stack(record.exc_info[1]) if show else HELD_BACK
        return True


def _message(record: logging.LogRecord) -> tuple[str, bool]:
    """Return what a record says, and whether its arguments are in it."""
    try:
        return record.getMessage(), True
    except Exception as error:  # noqa: BLE001 - an argument's __str__, or a wrong number of them
        why = f"its arguments cannot be shown: {type(error).__name__}"
        return f"{str(record.msg)[:200]} ({why})", False


def _bounded(text: str) -> str:
    if len(text) <= MAX_LINE:
        return text
    return f"{text[:MAX_LINE]}... ({len(text) - MAX_LINE} more characters)"


_SAFE = SafeLines()
for _name in LOGGERS:
    logging.getLogger(_name).addFilter(_SAFE)
