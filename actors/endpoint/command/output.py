"""Standard streams that may be closed, full, or a pipe that nobody reads."""

from __future__ import annotations

import os
import sys
from typing import Final, TextIO

from actors.errors import ConfigError

STDOUT: Final = 1
STDERR: Final = 2


def open_closed_descriptors() -> None:
    """Open the null device where descriptor 0, 1 or 2 is closed.

    Otherwise the first sockets would get these numbers, and a C library's cry on standard error
    would go to a client.
    """
    for number in (0, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number is the one that is missing
    sys.stdout = sys.stdout or _null(STDOUT)
    sys.stderr = sys.stderr or _null(STDERR)


def _null(number: int) -> TextIO:
    return open(number, "w", encoding="utf-8", closefd=False)


def write(stream: TextIO, text: str, end: str = "\n") -> OSError | None:
    """Write a line; return the error where that failed: then the stream is given up."""
    try:
        print(text, end=end, file=stream, flush=True)
    except OSError as error:
        give_up(stream)
        return error
    return None


def say(text: str) -> int:
    """Write to standard output what was asked for; return the exit status.

    ``ConfigError``: there is no room for it. A reader that has gone is no error.
    """
    error = write(sys.stdout, text)
    if error is not None and not isinstance(error, BrokenPipeError):
        raise ConfigError(f"standard output: {error.strerror}")
    return 0


def settle() -> None:
    """Flush both streams, so that the interpreter does not fail on it at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            give_up(stream)


def give_up(stream: TextIO) -> None:
    """Send to the null device what the stream still holds, and all that follows."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
