"""A listening Unix socket with a path: bound here, or inherited from the master before.

Its file is removed at the end by whoever ends last: by then nobody listens any more. What a killed
process has left is replaced. No two processes that begin at the same time replace each other's, as
they lock the directory meanwhile (flock(2)).
"""

from __future__ import annotations

import errno
import fcntl
import grp
import os
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from actors.unix_files import identity, listens
from supervision.processes.sockets import BACKLOG

MAX_PATH: Final = 107
"""Bytes of a path that fit into a socket's address (unix(7)), which ends with a NUL."""

IN_USE: Final = "another process listens there"

LOCK: Final = 2.0
"""Seconds that others of ours may hold the directory's lock: they need microseconds."""


class Place(NamedTuple):
    """Where, and who may connect: the ``mode`` of the file, and its ``group`` (name or number)."""

    path: Path
    mode: int = 0o600
    group: str | None = None

    @property
    def any_user(self) -> bool:
        """Whether users beside our own may connect, as the file's mode says."""
        return bool(self.mode & 0o022)

    def check(self) -> None:
        """Raise ``OSError`` where no socket can be bound; one that is there may be in use."""
        size = len(os.fsencode(self.path))
        if size > MAX_PATH:
            raise OSError(f"a path of {size} bytes: at most {MAX_PATH}")
        self.gid()
        if not self.path.parent.is_dir():
            raise FileNotFoundError(
                errno.ENOENT, f"there is no directory {str(self.path.parent)!r}"
            )
        if not os.access(self.path.parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        self._is_there()

    def gid(self) -> int:
        """Return the number of the group, -1 where none is asked for; ``OSError``: unknown."""
        if self.group is None:
            return -1
        if self.group.isascii() and self.group.isdecimal():
            return int(self.group)
        try:
            return grp.getgrnam(self.group).gr_gid
        except KeyError:
            raise OSError(f"there is no group {self.group!r}") from None

    def _is_there(self) -> bool:
        """Whether a socket is there; ``OSError`` for something else, a link included."""
        try:
            found = self.path.lstat()
        except FileNotFoundError:
            return False
        if not stat.S_ISSOCK(found.st_mode):
            raise FileExistsError(errno.EEXIST, "is there, and is no socket")
        return True

    def remove_stale(self) -> None:
        """Remove a socket on which nobody listens; ``OSError`` where somebody does."""
        if self._is_there():
            if listens(self.path):
                raise OSError(errno.EADDRINUSE, IN_USE)
            self.path.unlink(missing_ok=True)


class UnixSocket:
    """``sock`` listens at ``place``. Closed and removed by :meth:`end`."""

    def __init__(self, place: Place, sock: socket.socket) -> None:
        self.place = place
        self.sock = sock
        self._file = identity(place.path)

    @classmethod
    def bind(cls, place: Place) -> UnixSocket:
        """Listen at ``place``; ``OSError`` where that cannot be, or another process does."""
        place.check()
        gid = place.gid()
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _locked(place.path.parent):
                place.remove_stale()
                before = os.umask(0o777 & ~place.mode)
                try:
                    sock.bind(str(place.path))
                finally:
                    os.umask(before)
                try:
                    if gid >= 0:
                        os.chown(place.path, -1, gid)
                    sock.listen(BACKLOG)  # nobody connects before the group is right
                except BaseException:
                    place.path.unlink()
                    raise
            return cls(place, sock)
        except BaseException:
            sock.close()
            raise

    @classmethod
    def adopt(cls, place: Place, fd: int) -> UnixSocket | None:
        """Return what an earlier master listens on as our own.

        ``None`` where ``fd`` is none, or its file has been removed: then nobody can reach it.
        """
        try:
            sock = socket.socket(fileno=fd)
        except OSError:
            return None
        if sock.family != socket.AF_UNIX or sock.getsockname() != str(place.path):
            sock.detach()
            return None
        os.set_inheritable(fd, False)
        try:
            return cls(place, sock)
        except FileNotFoundError:
            sock.close()
            return None

    def end(self) -> None:
        """Close it, and remove the file unless somebody still listens on it, or it is another."""
        self.sock.close()
        path = self.place.path
        with suppress(OSError), _locked(path.parent):
            if identity(path) == self._file and not listens(path):
                path.unlink()


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; where it may not be read, or is held for long, go on without."""
    try:
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        yield
        return
    try:
        until = time.monotonic() + LOCK
        while time.monotonic() < until:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(0.01)
            else:
                break
        yield
    finally:
        os.close(fd)
