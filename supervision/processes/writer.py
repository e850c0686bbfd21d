"""What a process says, written by a thread of its own: no caller waits for it.

A pipe that nobody reads, a terminal stopped by Ctrl-S or a disk that hangs blocks whoever writes
to it, and nothing that serves may be blocked by its log. So lines go into a queue with a bound in
bytes, and a real thread writes them. What has no room there, or cannot be written, is dropped and
counted; the count is told when writing works again. The descriptor of a stream that others share
keeps its flags: without O_NONBLOCK the thread blocks, and it alone.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import io
import os
import select
import stat
import sys
import time
from _queue import Empty, SimpleQueue  # the one of C: in threads it waits as they do, not as gevent
from collections.abc import Callable
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from actors.schedule import LOG_FLUSH, LOG_STUCK

MAX_WAITING: Final = 1024 * 1024
"""Bytes that wait to be written; what comes then is lost."""

WHOLE: Final = select.PIPE_BUF
"""Bytes of a write that the kernel does not mix with those of other processes (pipe(7))."""

TELL_EVERY: Final = 1.0
"""Seconds between two lines that tell how many were lost, while lines are."""

RETRY: Final = 0.1
"""Seconds until another attempt where there is nothing yet that could be written to."""


def original(module: str, name: str) -> Any:
    """Return a function of the standard library as it is without gevent's patches."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None:
        return getattr(import_module(module), name)
    return monkey.get_original(module, name)


class Sink(Protocol):
    """Where a :class:`Writer` writes to, on its thread."""

    def write(self, data: bytes) -> int:
        """Write as much as there is room for; may block. ``BlockingIOError``: not now."""

    def wait(self) -> None:
        """Wait, after that, until another attempt is worth it; not for ever."""


class Descriptor:
    """A stream that is open: standard error."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes) -> int:
        return os.write(self._fd, data)

    def wait(self) -> None:
        """Wait for room: somebody who shares it has made it a descriptor that does not block."""
        poll = original("select", "poll")()
        poll.register(self._fd, select.POLLOUT)
        poll.poll(RETRY * 1000)


class LogFile:
    """A file by name, opened anew where it was moved away. ``OSError``: it cannot be opened.

    It may be a FIFO: one that nobody reads is no error, and what waits for a reader is kept.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        try:
            self._open()
        except BlockingIOError:
            pass

    def _open(self) -> None:
        # It is our own, so it may be asked not to block: opening a FIFO would, for a reader.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        try:
            self._fd = os.open(self._path, flags, 0o666)
        except OSError as error:
            if error.errno == errno.ENXIO and _is_fifo(self._path):
                raise BlockingIOError from error
            raise

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _moved(self) -> bool:
        try:
            there, ours = Path(self._path).stat(), os.fstat(self._fd)
        except OSError:
            return True
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def write(self, data: bytes) -> int:
        """Write to the file that has the name now; a directory that is gone loses lines."""
        if self._fd < 0 or self._moved():
            self._close()
            self._open()
        try:
            return os.write(self._fd, data)
        except BrokenPipeError as error:
            self._close()
            raise BlockingIOError from error

    def wait(self) -> None:
        """Wait for room, or for a reader of a FIFO."""
        if self._fd >= 0:
            poll = original("select", "poll")()
            poll.register(self._fd, select.POLLOUT)
            poll.poll(RETRY * 1000)
        else:
            original("time", "sleep")(RETRY)


def _is_fifo(path: str) -> bool:
    try:
        return stat.S_ISFIFO(Path(path).stat().st_mode)
    except OSError:
        return False


def words_for(lost: int) -> bytes:
    """Return the line that says how many were lost, where nobody has said how it is to look."""
    return f"roost: {told(lost)}\n".encode()


def told(lost: int) -> str:
    """Return how many lines were lost, in words."""
    return "1 line was lost" if lost == 1 else f"{lost} lines were lost"


class Writer:
    """Writes to ``sink`` what :meth:`put` is given. ``most``: bytes that may wait.

    ``line_for(lost)`` makes the line that tells how many were lost; :data:`words_for` by default.
    """

    def __init__(self, sink: Sink, most: int = MAX_WAITING) -> None:
        self.line_for: Callable[[int], bytes] = words_for
        self._sink = sink
        self._most = most
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.flush, LOG_FLUSH)

    def _begin(self) -> None:
        """Start the thread, which a fork does not take along."""
        self._queue: SimpleQueue[bytes] = SimpleQueue()
        # Each is counted up by one side alone; several threads that log are kept apart by the lock,
        # which a signal's handler may take again. Nobody holds it while anything is written.
        self._lock = original("_thread", "RLock")()
        self._given = self._done = 0
        self._dropped = self._failed = self._told = 0
        self._told_at = 0.0
        self._torn = False
        self._writing: float | None = None  # since when, while the sink is being written to
        original("_thread", "start_new_thread")(self._run, ())

    def put(self, data: bytes) -> None:
        """Have whole lines written; does not wait. Where there is no room they are lost."""
        with self._lock:
            if self._given - self._done + len(data) > self._most:
                self._dropped += data.count(b"\n") or 1
                return
            self._given += len(data)
        self._queue.put(data)

    def flush(self, seconds: float) -> bool:
        """Wait until all is written, ``seconds`` at most, and no longer than the sink takes it.

        A thread that has not had its turn, as the machine is busy, is waited for; a write that
        blocks is not. Blocks the thread that calls, as its process ends. Return whether all was
        written.
        """
        clock, sleep = time.monotonic, original("time", "sleep")
        until = clock() + seconds
        tried = None  # since when all is done but to tell what was lost, which may fail for ever
        while self._done < self._given or self._lost_untold():
            now, writing = clock(), self._writing
            if self._done == self._given:
                tried = tried or now
            since = writing or tried
            if now >= until or (since is not None and now - since >= LOG_STUCK):
                return False
            if self._done == self._given:
                self._queue.put(b"")  # nothing more is said: what was lost is to be told
            sleep(0.002)
        return True

    # -- on the thread

    def _run(self) -> None:
        while True:
            batch = self._next()
            self._write_all(batch)
            self._done += len(batch)
            self._tell_lost()

    def _next(self) -> bytes:
        """Return what is to be written at once: as many lines as the kernel keeps together."""
        batch = self._queue.get()
        while len(batch) < WHOLE and not self._queue.empty():
            try:
                more = self._queue.get_nowait()
            except Empty:
                break
            if batch and len(batch) + len(more) > WHOLE:
                self._write_all(batch)
                self._done += len(batch)
                batch = b""
            batch += more
        return batch

    def _write_all(self, data: bytes) -> bool:
        """Write ``data``; what fails is counted. Return whether it was written.

        Nothing to write is a file opened anew where it was moved.
        """
        if not data:
            with contextlib.suppress(OSError):
                self._sink.write(b"")
            return True
        lines = data.count(b"\n")
        if self._torn:
            data = b"\n" + data
        while data:
            self._writing = self._writing or time.monotonic()
            try:
                written = self._sink.write(data)
            except BlockingIOError:
                self._sink.wait()
                continue
            except (OSError, ValueError):
                self._writing = None
                self._failed += min(lines, data.count(b"\n")) or 1
                return False
            self._writing = None
            self._torn = written < len(data) and not data[:written].endswith(b"\n")
            data = data[written:]
        return True

    def _lost_untold(self) -> int:
        return self._dropped + self._failed - self._told

    def _tell_lost(self) -> None:
        lost = self._lost_untold()
        now = time.monotonic()
        if not lost or not (self._queue.empty() or now >= self._told_at + TELL_EVERY):
            return
        failed = self._failed
        line = self.line_for(lost)
        if self._write_all(line):
            self._told += lost
            self._told_at = now
        else:
            self._failed = failed  # this line of ours was no loss


class _Raw(io.RawIOBase):
    """A descriptor as a file that a :class:`Writer` writes."""

    def __init__(self, writer: Writer, fd: int) -> None:
        super().__init__()
        self._writer = writer
        self._fd = fd

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def write(self, data: Any) -> int:
        held = bytes(data)
        self._writer.put(held)
        return len(held)


@cache
def standard_error() -> Writer:
    """Return what writes this process's standard error."""
    return Writer(Descriptor(2))


def take_standard_error() -> None:
    """Have ``sys.stderr`` written by :func:`standard_error`: warnings, gevent's tracebacks, all."""
    raw: Any = _Raw(standard_error(), 2)
    sys.stderr = io.TextIOWrapper(
        raw, encoding="utf-8", errors="backslashreplace", line_buffering=True
    )


def own_description(fd: int) -> int:
    """Return a descriptor for what ``fd`` is, that does not block and that nobody shares.

    For what writes in a signal's handler. It is ``fd`` itself where that cannot block (a file) or
    where there can be no other (a socket).
    """
    with contextlib.suppress(OSError):
        mode = os.fstat(fd).st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
            return os.open(f"/proc/self/fd/{fd}", flags)
    return fd
