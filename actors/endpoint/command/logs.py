"""Where log lines go: standard error, or a file that can be reopened after it was rotated.

What they say is :mod:`actors.logs.formatter`'s. Where they are JSON, so is all else that comes to
standard error by ``sys.stderr``: warnings, tracebacks, what an application prints there.
"""

from __future__ import annotations

import atexit
import io
import logging
import sys
from collections.abc import Mapping
from typing import Any

from actors.capped_log import tell_all
from actors.endpoint.command import output
from actors.errors import ConfigError
from actors.logs.formatter import JSONFormatter, LineFormatter
from actors.logs.guard import guard, passes
from actors.logs.line import MAX_LINE
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
        passed = passes(self, record)
        if isinstance(passed, logging.LogRecord):
            self.emit(passed)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Format a record and hand it over."""
        try:
            self.writer.put(self.line(record))
        except Exception:  # noqa: BLE001 - arguments that do not fit, say: as the library's do
            self.handleError(record)

    def line(self, record: logging.LogRecord) -> bytes:
        """Return a record as it is written."""
        return f"{self.format(record)}\n".encode("utf-8", "backslashreplace")

    def _lost_line(self, lost: int) -> bytes:
        level, name = logging.WARNING, logger.name
        return self.line(logger.makeRecord(name, level, "", 0, "%s", (told(lost),), None))


class StandardError(io.RawIOBase):
    """What ``sys.stderr`` writes to where log lines are JSON: each line that is printed is one.

    A line that is not ended is kept until it is, or is as long as one may be.
    """

    def __init__(self, handler: LogHandler) -> None:
        super().__init__()
        self._handler = handler
        self._begun = b""

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return 2

    def write(self, data: Any) -> int:
        *lines, rest = (self._begun + bytes(data)).split(b"\n")
        if len(rest) > MAX_LINE:
            lines, rest = [*lines, rest], b""
        self._begun = rest
        self.say(lines)
        return len(data)

    def end(self) -> None:
        """Write the line that was begun."""
        begun, self._begun = self._begun, b""
        self.say([begun])

    def say(self, lines: list[bytes]) -> None:
        """Write lines, all or none of them; empty ones are left out."""
        data = b"".join(self._line(line) for line in lines if line.strip())
        if data:
            self._handler.writer.put(data)

    def refuse(self, problem: str) -> None:
        """Write why the command ends: an error of ours, whatever was done to our loggers."""
        self._handler.writer.put(self._record(logger.name, logging.ERROR, problem))

    def _line(self, line: bytes) -> bytes:
        return self._record("stderr", logging.WARNING, line.decode("utf-8", "backslashreplace"))

    def _record(self, name: str, level: int, message: str) -> bytes:
        named = {"name": name, "levelno": level, "levelname": logging.getLevelName(level)}
        return self._handler.line(logging.makeLogRecord({**named, "msg": message}))


def no_log_file(path: str, error: OSError) -> ConfigError:
    """Return what is said where no log can be written at ``path``."""
    return ConfigError(f"--log-file {path!r}: {error.strerror}")


class Logs:
    """Sets up the root logger. ``level`` is a name in lower case, ``path`` a file or ``None``.

    Each line has the process's id, as several processes write to one place. ``log_format`` is
    ``"console"`` or ``"json"``; ``worker`` the number of the worker that this process is;
    ``context`` asks whom a line is about (:mod:`actors.logs.context`).
    """

    def __init__(
        self,
        level: str,
        path: str | None = None,
        log_format: str = "console",
        *,
        worker: int | None = None,
        context: logging.Filter | None = None,
    ) -> None:
        try:
            writer = standard_error() if path is None else Writer(LogFile(path))
        except OSError as error:
            raise no_log_file(str(path), error) from None
        self._writer = writer
        self._worker = worker
        self._prints = path is None
        self._printed: StandardError | None = None
        self._handler = LogHandler(writer)
        if context is not None:
            self._handler.addFilter(context)
        logging.basicConfig(handlers=[self._handler])
        self.change(level, log_format)
        logging.raiseExceptions = False  # what cannot be formatted is not the clients' trouble
        guard(all_loggers=True)
        atexit.register(tell_all)  # before the writer's own, which was there first

    def change(self, level: str, log_format: str) -> None:
        """Write at this level, and in this form, from now on."""
        logging.getLogger().setLevel(level.upper())
        json = log_format == "json"
        if not json and self._printed is not None:
            self._give_standard_error_back(self._printed)
        self._handler.setFormatter(
            JSONFormatter(self._worker, stacks=level == "debug") if json else LineFormatter()
        )
        if json and self._prints and self._printed is None:
            self._take_standard_error()

    def _take_standard_error(self) -> None:
        self._printed = StandardError(self._handler)
        self._before = sys.stderr
        raw: Any = self._printed
        sys.stderr = io.TextIOWrapper(
            raw, encoding="utf-8", errors="backslashreplace", line_buffering=True
        )
        atexit.register(self._printed.end)
        output.refuse_by(self._printed.refuse)

    def _give_standard_error_back(self, printed: StandardError) -> None:
        sys.stderr.flush()
        printed.end()
        atexit.unregister(printed.end)
        sys.stderr, self._printed = self._before, None
        output.refuse_as_before()

    def say(self, text: str) -> None:
        """Write lines that are no records to standard error, as one; does not wait."""
        data = text.encode("utf-8", "backslashreplace")
        if self._printed is None:
            standard_error().put(data)
        else:
            self._printed.say(data.split(b"\n"))

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
