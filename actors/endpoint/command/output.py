"""Standard streams that may be closed, full, or a pipe that nobody reads."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final, TextIO

from actors.errors import ConfigError
from actors.logs.escaping import escaped

STDOUT: Final = 1
STDERR: Final = 2

_closed: Final[set[int]] = set()
"""Descriptors that were closed when the command began."""


def open_closed_descriptors() -> None:
    """Open the null device where descriptor 0, 1 or 2 is closed.

    Otherwise the first sockets would get these numbers, and a C library's cry on standard error
    would go to a client.
    """
    for number in (0, STDOUT, STDERR):
        try:
            os.fstat(number)
        except OSError:
            _closed.add(number)
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


def say(text: str, end: str = "\n") -> int:
    """Write to standard output what was asked for; return the exit status.

    ``ConfigError``: there is no room for it, or it is closed. A reader that has gone is no error.
    """
    if STDOUT in _closed:
        raise ConfigError("standard output: is closed")
    error = write(sys.stdout, text, end)
    if error is not None and not isinstance(error, BrokenPipeError):
        raise ConfigError(f"standard output: {error.strerror}")
    return 0


def refuse(error: ConfigError) -> int:
    """Say why the command ends, a line for each problem; return the exit status."""
    for problem in error.problems:
        _tellers[-1](problem)
    return 2


def refuse_by(tell: Callable[[str], object]) -> None:
    """Have ``tell`` say each problem: standard error has lines of another form from now on."""
    _tellers.append(tell)


def refuse_as_before() -> None:
    """Take the last :func:`refuse_by` back."""
    _tellers.pop()


def _tell(problem: str) -> None:
    write(sys.stderr, f"roost: {escaped(problem)}")


_tellers: Final[list[Callable[[str], object]]] = [_tell]


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
