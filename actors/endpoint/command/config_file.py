"""Reading the file of settings (``--config``), within bounds and without ever waiting."""

from __future__ import annotations

import os
import stat
from typing import Final

from actors.endpoint.command.sources import ConfigFile
from actors.errors import ConfigError

MAX_SIZE: Final = 16 * 1024
"""Bytes of the file. Beyond, what reads TOML would take too long."""


def read(path: str) -> ConfigFile:
    """Return the file at ``path``; ``ConfigError`` says why it cannot be read."""
    try:
        data = _bytes(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path}: {reason}") from None
    try:
        return ConfigFile(path, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: is not UTF-8") from None


def _bytes(path: str) -> bytes:
    # A FIFO would be waited for, and the master waits for nobody.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise ValueError(f"is {'a directory' if stat.S_ISDIR(mode) else 'no regular file'}")
        data = b""
        while len(data) <= MAX_SIZE and (more := os.read(descriptor, MAX_SIZE + 1 - len(data))):
            data += more
    finally:
        os.close(descriptor)
    if len(data) > MAX_SIZE:
        raise ValueError(f"has over {MAX_SIZE} bytes")
    return data
