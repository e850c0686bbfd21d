"""``--pid-file``: written when clients are served, and removed at the end if it is still ours.

So one that does not come to serve leaves the file of another alone, and one that follows another
takes the file over when it serves; where it ends first, the other takes it back. Whoever reads the
file never finds half a number.
"""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from typing import Self

from actors.errors import ConfigError

logger = logging.getLogger("roost.endpoint")


class PidFile:
    """A context manager; ``path`` may be ``None`` for no file. ``ConfigError``: no such place."""

    def __init__(self, path: str | None) -> None:
        self._path = None if path is None else Path(path)
        self._text = f"{os.getpid()}\n"

    def __enter__(self) -> Self:
        self.check()
        return self

    def __exit__(self, *_: object) -> None:
        if self._path is not None and self._holds(self._path):  # else it is a successor's by now
            self._path.unlink(missing_ok=True)

    def check(self) -> None:
        """Find out whether it can be written, before anything depends on it; ``ConfigError``."""
        if self._path is None:
            return
        try:
            if self._path.is_dir():
                raise IsADirectoryError(21, os.strerror(21))
            self._new(self._path).unlink()
        except OSError as error:
            raise self._refusal(error) from None

    def write(self) -> None:
        """Write our process id; ``ConfigError`` where that fails after all."""
        if self._path is not None:
            try:
                new = self._new(self._path)
                try:
                    new.replace(self._path)
                except BaseException:
                    new.unlink(missing_ok=True)
                    raise
            except OSError as error:
                raise self._refusal(error) from None

    def take_back(self, successor: int) -> None:
        """Write ours anew, if the file was that of a successor which has ended."""
        if self._path is None:
            return
        try:
            theirs = self._path.read_text(encoding="ascii") != f"{successor}\n"
        except FileNotFoundError:
            theirs = False
        except (OSError, UnicodeDecodeError):
            theirs = True
        if not theirs:
            try:
                self.write()
            except ConfigError as error:
                logger.warning("%s", error)

    def _new(self, path: Path) -> Path:
        """Make a file beside it that nobody could have put there before, with our id in it.

        Whoever else may write in that directory cannot lead us elsewhere with a link, as the name
        cannot be guessed and must be new.
        """
        new = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        fd = os.open(
            new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
        )
        try:
            os.write(fd, self._text.encode("ascii"))
        except BaseException:
            new.unlink(missing_ok=True)
            raise
        finally:
            os.close(fd)
        return new

    def _refusal(self, error: OSError) -> ConfigError:
        return ConfigError(f"--pid-file {str(self._path)!r}: {error.strerror}")

    def _holds(self, path: Path) -> bool:
        try:
            return path.read_text(encoding="ascii") == self._text
        except (OSError, UnicodeDecodeError):
            return False
