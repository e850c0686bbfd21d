"""Files of Unix sockets: which is which, and whether a process listens there. Without gevent."""

from __future__ import annotations

import socket
from pathlib import Path


def identity(path: Path) -> tuple[int, int]:
    """Return what tells this file from a later one of the same name."""
    found = path.lstat()
    return found.st_dev, found.st_ino


def listens(path: Path) -> bool:
    """Whether a process listens on the socket at ``path``; ``OSError``: it cannot be known."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:  # so many wait that there is no room for another
            return True
    return True
