"""Where log lines go: standard error, or a file that can be reopened after it was rotated."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from logging.handlers import WatchedFileHandler
from typing import Any

from actors.errors import ConfigError

FORMAT = "%(asctime)s [%(process)d] %(levelname)s %(name)s: %(message)s"

logger = logging.getLogger("roost.endpoint")


class LogFile(WatchedFileHandler):
    """Whoever logs is not told that a file could not be opened again, nor that a disk is full."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)


class Logs:
    """Sets up the root logger. ``level`` is a name in lower case, ``path`` a file or ``None``.

    Each line has the process's id, as several processes write to one place.
    """

    def __init__(self, level: str, path: str | None = None) -> None:
        self._file: LogFile | None = None
        handler: logging.Handler = logging.StreamHandler()
        if path is not None:
            try:
                handler = self._file = LogFile(path, encoding="utf-8")
            except OSError as error:
                raise ConfigError(f"--log-file {path!r}: {error.strerror}") from None
        logging.basicConfig(level=level.upper(), format=FORMAT, handlers=[handler])
        logging.raiseExceptions = False  # a full disk under the log is not the clients' trouble

    def reopen(self) -> None:
        """Open the file anew where it was moved away; on standard error this does nothing.

        Where that fails lines are lost until it works: each further line is another attempt.
        """
        if self._file is not None:
            try:
                self._file.reopenIfNeeded()
            except OSError:
                pass


def tell(facts: Mapping[str, Any]) -> None:
    """Log what an endpoint that serves says of itself (``Server.facts``)."""
    for note in facts["notes"]:
        logger.warning("%s", note)
    for line in facts["budget"]:
        logger.info("%s", line)
