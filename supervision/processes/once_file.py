"""The machine's lease on what exists once: a locked file, with the number of its last holder.

The lock is a record lock (fcntl(2)): it belongs to one process, is not inherited by a fork, and
ends with the process, whichever way that ends, and not before. So a worker that is stopped, one
whose master was killed, and one of the master before (SIGUSR2) all keep the others out. The master
appoints; the lock is what makes two impossible where there are two masters.

The number is taken when the lock is held, and is always greater than the last one in the file.
Where there is no file it begins with the milliseconds of the clock: the last orderly end removes
the file, and whatever cleans up temporary files may. A holder looks now and then whether its file
is still the one that others would find.

The file's name is made of what the listening sockets are bound to, and of their network namespace,
so it is the same for all masters that serve the same address one after the other.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import math
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

logger = logging.getLogger("roost.worker")

TRIES: Final = 10
"""Attempts to lock the file that the path leads to, where others remove and make it meanwhile."""

NAMESPACE: Final = Path("/proc/self/ns/net")
"""The network that addresses are of: those of two containers may be the same (namespaces(7))."""

OPENED: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


def once_path(addresses: Iterable[object], within: Path | None = None) -> Path:
    """Return where the masters that serve these ``addresses`` keep the file.

    ``within`` is where temporary files belong, by default.
    """
    try:
        namespace = NAMESPACE.stat().st_ino
    except OSError:
        namespace = 0
    said = f"{os.geteuid()} {namespace} {sorted(map(str, addresses))}"
    name = f"roost-once-{hashlib.sha256(said.encode()).hexdigest()[:16]}"
    return (within or Path(tempfile.gettempdir())) / name


class OnceFile:
    """A :class:`~actors.endpoint.serving.lease.Lease` on the file at ``path``; one per process.

    ``wall()`` is the time in seconds since 1970.
    """

    seconds = math.inf
    renew_every = 2.0
    retry = 0.05

    def __init__(self, path: Path, wall: Callable[[], float] = time.time) -> None:
        self._path = path
        self._wall = wall
        self._fd: int | None = None
        self._last = 0
        self._said = ""

    def acquire(self, reply: Callable[[int | None], object]) -> None:
        """Lock the file, and take the next number; ``reply(None)`` where another process has it."""
        try:
            number = self._acquire()
        except OSError as error:
            self._let_go()
            self._say(f"{self._path} cannot be used: {error.strerror}")
            number = None
        reply(number)

    def _acquire(self) -> int | None:
        for _ in range(TRIES):
            fd = self._fd = os.open(self._path, OPENED | os.O_CREAT, 0o600)
            if not _ours(fd):
                self._let_go()
                self._say(f"{self._path} is somebody else's")
                return None
            last, holder = _read(fd)
            if not _locked(fd):
                self._last = max(self._last, last)
                self._let_go()
                self._say(f"process {holder} still runs what exists once: waiting for its end")
                return None
            if self._is_found(fd):
                self._said = ""
                return self._number(fd)
            self._let_go()  # it was removed, or is another one, by now
        return None

    def _number(self, fd: int) -> int:
        number = max(_read(fd)[0], self._last) + 1
        self._last = number = max(number, int(self._wall() * 1000))
        text = f"{number} {os.getpid()}\n".encode()
        os.pwrite(fd, text, 0)
        os.ftruncate(fd, len(text))
        return number

    def renew(self, number: int, reply: Callable[[bool | None], object]) -> None:
        """See that the file is where others find it; else it is lost."""
        kept = number == self._last and self._fd is not None and self._is_found(self._fd)
        if kept:
            try:
                os.utime(self._path)  # or it looks forgotten to what cleans up
            except OSError:
                kept = False
        if not kept:
            self._say(f"{self._path} was removed, not by us")
        reply(kept)

    def release(self, number: int) -> None:
        """Let another process have it."""
        if number == self._last:
            self._let_go()

    def _is_found(self, fd: int) -> bool:
        return _same(self._path, fd)

    def _let_go(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _say(self, words: str) -> None:
        """Log it, once in a row: the file is tried many times in a second."""
        if words != self._said:
            self._said = words
            logger.warning("%s", words)


def remove(path: Path) -> None:
    """Remove the file where nobody holds it, and nobody can come by it meanwhile."""
    try:
        fd = os.open(path, OPENED)
    except OSError:
        return
    try:
        if _ours(fd) and _locked(fd) and _same(path, fd):
            path.unlink(missing_ok=True)
    finally:
        os.close(fd)


def _ours(fd: int) -> bool:
    found = os.fstat(fd)
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()


def _same(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(path.lstat(), os.fstat(fd))
    except OSError:
        return False


def _locked(fd: int) -> bool:
    """Lock it for this process, if that can be done at once."""
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _read(fd: int) -> tuple[int, int]:
    """Return the last number, and the process that took it; 0 where that cannot be read."""
    words = os.pread(fd, 100, 0).split()
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return 0, 0
    return int(words[0]), int(words[1])
