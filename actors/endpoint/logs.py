"""Where log lines go: standard error, or a file that can be reopened after it was rotated."""

from __future__ import annotations

import logging
from logging.handlers import WatchedFileHandler

from actors.errors import ConfigError

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Logs:
    """Sets up the root logger. ``level`` is a name in lower case, ``path`` a file or ``None``."""

    def __init__(self, level: str, path: str | None = None) -> None:
        self._file: WatchedFileHandler | None = None
        handler: logging.Handler = logging.StreamHandler()
        if path is not None:
            try:
                handler = self._file = WatchedFileHandler(path, encoding="utf-8")
            except OSError as error:
                raise ConfigError(f"--log-file {path!r}: {error.strerror}") from None
        logging.basicConfig(level=level.upper(), format=FORMAT, handlers=[handler])
        logging.raiseExceptions = False  # a full disk under the log is not the clients' trouble

    def reopen(self) -> None:
        """Open the file anew where it was moved away; on standard error this does nothing."""
        if self._file is not None:
            self._file.reopenIfNeeded()
