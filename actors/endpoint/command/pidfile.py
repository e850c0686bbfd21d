"""``--pid-file``: written when clients are served, and removed at the end if it is still ours.

So one that does not come to serve leaves the file of another alone, and one that follows another
takes the file over when it serves; where it ends first, the other takes it back. Whoever reads the
file never finds half a number.

Whose the file is holds a lock of it (flock(2)) as long as it lives. So a number that was left, and
is another process's by now, is told from a server that runs.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from actors.errors import ConfigError

logger = logging.getLogger("roost.endpoint")

LONGEST: Final = 20
"""Bytes of the file that are read."""


class PidFile:
    """A context manager; ``path`` may be ``None`` for no file.

    ``predecessor`` is the process whose file we take over. ``ConfigError``: there is no such place,
    or it is the file of another server that runs.
    """

    def __init__(self, path: str | None, predecessor: int | None = None) -> None:
        self._path = None if path is None else Path(path)
        self._predecessor = predecessor
        self._text = f"{os.getpid()}\n"
        self._fd = -1

    def __enter__(self) -> Self:
        self.check()
        if self._path is not None:
            self._refuse_in_use(self._path)
        return self

    def __exit__(self, *_: object) -> None:
        if self._path is not None and self._holds(self._path):  # else it is a successor's by now
            self._path.unlink(missing_ok=True)
        self._keep(-1)

    def check(self) -> None:
        """Find out whether it can be written, before anything depends on it; ``ConfigError``."""
        if self._path is None:
            return
        try:
            self._refuse_other_kinds(self._path)
            new, fd = self._new(self._path)
            os.close(fd)
            new.unlink()
        except OSError as error:
            raise self._refusal(error.strerror) from None

    def write(self) -> None:
        """Write our process id; ``ConfigError`` where that fails after all."""
        if self._path is not None:
            try:
                new, fd = self._new(self._path)
                try:
                    with suppress(OSError):  # a file system without locks
                        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    new.replace(self._path)
                except BaseException:
                    os.close(fd)
                    new.unlink(missing_ok=True)
                    raise
                self._keep(fd)
            except OSError as error:
                raise self._refusal(error.strerror) from None

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

    @staticmethod
    def _refuse_other_kinds(path: Path) -> None:
        """``OSError`` where something is that we must not put a file in place of, as /dev/null."""
        with suppress(FileNotFoundError):
            kind = path.lstat().st_mode
            if path.is_dir():
                raise IsADirectoryError(21, os.strerror(21))
            if not (stat.S_ISREG(kind) or stat.S_ISLNK(kind)):
                raise OSError(errno.EINVAL, "is there, and is no file")

    def _keep(self, fd: int) -> None:
        """Have the lock of this file alone; -1 is none."""
        fd, self._fd = self._fd, fd
        if fd >= 0:
            os.close(fd)

    def _refuse_in_use(self, path: Path) -> None:
        try:
            flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            fd = os.open(path, flags)
        except OSError:
            return  # there is none, or one that nobody of ours has written
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            found = os.read(fd, LONGEST).decode("ascii", "replace").strip()
            if found != str(self._predecessor):
                pid = f", pid {found}" if found.isdecimal() else ""
                raise self._refusal(f"another server has it{pid}") from None
        except OSError:
            pass
        finally:
            os.close(fd)

    def _new(self, path: Path) -> tuple[Path, int]:
        """Make a file beside it that nobody could have put there before, with our id in it.

        Return its path and descriptor.

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
            os.close(fd)
            new.unlink(missing_ok=True)
            raise
        return new, fd

    def _refusal(self, reason: str | None) -> ConfigError:
        return ConfigError(f"--pid-file {str(self._path)!r}: {reason}")

    def _holds(self, path: Path) -> bool:
        try:
            return path.read_text(encoding="ascii") == self._text
        except (OSError, UnicodeDecodeError):
            return False
