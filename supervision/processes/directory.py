"""The private directory of a master and its workers, and what becomes of it when they are killed.

The master holds a lock (flock(2)) on the directory as long as it lives, each worker a shared one on
a file in it. Locks end with their processes, however those end. So the last worker of a master that
was killed knows that it is the last, and removes the directory; and where they all were killed the
next master finds one that nobody holds, and removes that. It touches only directories of its own
user that have the file, which is made when the lock is held.

Under ``/tmp`` it is within reach of whatever cleans up there. The master makes anew what is missing
before it starts a worker.
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from supervision.processes.load import LOAD, LoadShare

PREFIX: Final = "roost-"

WORKERS: Final = "workers"
"""The file that workers lock, and the sign that the directory's owner locks."""


class Directory:
    """A new one of mode 0700, ours until :meth:`remove`; ``OSError`` where there can be none.

    It is made in ``within``, by default where temporary files belong.
    """

    def __init__(self, within: Path | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=within))
        self._fd: int | None = None
        try:
            self._furnish()
        except BaseException:
            self.remove()
            raise

    def restore(self) -> bool:
        """Make anew what somebody has removed; return whether anything was.

        ``OSError`` where that cannot be, or where somebody else has taken the name.
        """
        if self._whole():
            return False
        self._furnish()
        return True

    def _whole(self) -> bool:
        try:
            held = self._is_held(self.path.lstat())
        except FileNotFoundError:
            return False
        return held and all((self.path / name).exists() for name in (WORKERS, LOAD))

    def _is_held(self, found: os.stat_result) -> bool:
        """Whether this is the directory that our lock is on."""
        return self._fd is not None and os.path.samestat(found, os.fstat(self._fd))

    def _furnish(self) -> None:
        self.path.mkdir(0o700, exist_ok=True)
        with _opened(self.path) as fd:
            if fd is None or not _private(os.fstat(fd)):
                raise PermissionError(errno.EPERM, f"{self.path} is somebody else's")
            if not self._is_held(os.fstat(fd)):
                self._hold(os.dup(fd))
        (self.path / WORKERS).touch(0o600)
        if not (self.path / LOAD).exists():
            LoadShare.create(self.path / LOAD)

    def _hold(self, fd: int) -> None:
        self._let_go()
        self._fd = fd
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _let_go(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def remove(self) -> None:
        """Remove it, and what is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        self._let_go()


class Tenant:
    """A worker in a master's directory. One of a master that knows no locks does nothing here."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._fd: int | None = None
        try:
            self._fd = os.open(directory / WORKERS, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        _locked(self._fd, fcntl.LOCK_SH)  # else the last of the others removes it by now

    def leave(self) -> None:
        """Remove the directory if the master has gone and no other worker is there.

        Blocks nowhere. Of several that leave at the same time the last one is alone: whoever does
        not get the whole lock has given up its part.
        """
        fd, self._fd = self._fd, None
        if fd is None or not _locked(fd, fcntl.LOCK_EX):
            return
        with _opened(self._directory) as directory:
            if directory is not None and _locked(directory, fcntl.LOCK_EX):
                shutil.rmtree(self._directory, ignore_errors=True)


def sweep() -> None:
    """Remove the directories that killed masters have left, and their workers with them."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with _opened(path) as directory:
            if directory is not None and _abandoned(directory):
                shutil.rmtree(path, ignore_errors=True)


def _abandoned(directory: int) -> bool:
    """Whether it is a directory of ours, and neither its master nor a worker of it lives."""
    if not _private(os.fstat(directory)):
        return False
    try:
        workers = os.open(WORKERS, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return False
    try:
        return _locked(directory, fcntl.LOCK_EX) and _locked(workers, fcntl.LOCK_EX)
    finally:
        os.close(workers)


def _private(found: os.stat_result) -> bool:
    return found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700


@contextmanager
def _opened(path: Path) -> Iterator[int | None]:
    """Open a directory, and no link to one; ``None``: there is none, or none for us."""
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(path, flags)
    except OSError:
        yield None
        return
    try:
        yield fd
    finally:
        os.close(fd)


def _locked(fd: int, kind: int) -> bool:
    """Lock it, if that can be done at once."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
