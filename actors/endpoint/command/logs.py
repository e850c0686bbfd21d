"""Where log lines go: standard error, or a file that can be reopened after it was rotated.

What they say is :mod:`actors.logs.formatter`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from actors.errors import ConfigError
from actors.logs.formatter import LineFormatter
from supervision.processes.writer import LogFile, Writer, standard_error, told

logger = logging.getLogger("roost.endpoint")


class LogHandler(logging.Handler):
    """Hands lines to ``writer``, which writes them on its own thread: no caller waits for it.

    So it needs no lock either, which a greenlet or a signal's handler might have to wait for.
    """

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self.writer = writer
        writer.line_for = self._lost_line

    def handle(self, record: logging.LogRecord) -> bool:
        """Emit a record that passes the filters, without the lock of the base class."""
        passed = self.filter(record)
        if isinstance(passed, logging.LogRecord):
            record = passed
        if passed:
            self.emit(record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record and hand it over."""
        try:
            self.writer.put(self._line(record))
        except Exception:  # noqa: BLE001 - arguments that do not fit, say: as the library's do
            self.handleError(record)

    def _line(self, record: logging.LogRecord) -> bytes:
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")

    def _lost_line(self, lost: int) -> bytes:
        level, name = logging.WARNING, logger.name
        return self._line(logger.makeRecord(name, level, "", 0, "%s", (told(lost),), None))


class Logs:
    """Sets up the root logger. ``level`` is a name in lower case, ``path`` a file or ``None``.

    Each line has the process's id, as several processes write to one place.
    """

    def __init__(self, level: str, path: str | None = None) -> None:
        try:
            writer = standard_error() if path is None else Writer(LogFile(path))
        except OSError as error:
            raise ConfigError(f"--log-file {path!r}: {error.strerror}") from None
        self._writer = writer
        handler = LogHandler(writer)
        handler.setFormatter(LineFormatter())
        logging.basicConfig(level=level.upper(), handlers=[handler])
        logging.raiseExceptions = False  # what cannot be formatted is not the clients' trouble

    def reopen(self) -> None:
        """Open the file anew where it was moved away; on standard error this does nothing.

        Where that fails lines are lost until it works: each further line is another attempt.
        """
        self._writer.put(b"")


def log_facts(facts: Mapping[str, Any]) -> None:
    """Log what an endpoint that serves says of itself (``Server.facts``)."""
    for note in facts["notes"]:
        logger.warning("%s", note)
    for line in facts["budget"]:
        logger.info("%s", line)
