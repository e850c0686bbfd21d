"""Unix sockets for the processes of one user: private directory, private file, checked peers."""

from __future__ import annotations

import os
import socket
import stat
import struct
from pathlib import Path
from typing import Any

from gevent import monkey

from actors.unix_files import identity, listens

# The original class: whoever serves the socket decides how it waits.
_socket: Any = monkey.get_original("socket", "socket")

_CREDENTIALS = struct.Struct("3i")  # struct ucred of unix(7): pid, uid, gid


def private_directory(path: Path) -> Path:
    """Make ``path``, or take it as it is; ``PermissionError`` unless it is ours alone."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{path} must be a directory of uid {os.geteuid()} with mode 0700")
    return path


def listen(path: Path, backlog: int = 128) -> socket.socket:
    """Return a listening socket at ``path``, mode 0600, that does not block.

    A socket that a dead process left there is replaced. ``OSError`` where somebody still listens,
    or where there is something else, a link included.
    """
    _remove_stale(path)
    sock: socket.socket = _socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        sock.bind(str(path))
        sock.listen(backlog)
        sock.setblocking(False)
    except BaseException:
        sock.close()
        raise
    finally:
        os.umask(before)
    return sock


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise FileExistsError(f"{path} is there, and is no socket")
    if listens(path):
        raise FileExistsError(f"{path}: a process listens there")
    path.unlink(missing_ok=True)


def unlink(path: Path, made: tuple[int, int]) -> None:
    """Remove the file at ``path`` if it is still the one whose :func:`identity` is ``made``."""
    try:
        if identity(path) == made:
            path.unlink()
    except FileNotFoundError:
        pass


def peer_user(sock: Any) -> int:
    """Return the user of the process at the other end (unix(7), SO_PEERCRED)."""
    raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    uid: int = _CREDENTIALS.unpack(raw)[1]
    return uid


def peer_is_ours(sock: Any) -> bool:
    """Whether the process at the other end runs as our user."""
    return peer_user(sock) == os.geteuid()
