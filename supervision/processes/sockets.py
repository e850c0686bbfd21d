"""Listening sockets: bound here, inherited from a service manager, or from an earlier master."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping
from typing import Final

from actors.errors import ConfigError

BACKLOG: Final = 4096
FIRST_INHERITED: Final = 3
"""sd_listen_fds(3): descriptors begin there."""

OWN_VARIABLE: Final = "ROOST_LISTEN_FDS"
"""Descriptors that a master hands to the one that replaces it, as numbers with commas."""

PUBLISH_VARIABLE: Final = "ROOST_PUBLISH_FD"
"""The same, of the Unix socket on which others publish."""

VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", OWN_VARIABLE)
"""What speaks of descriptors, and means nothing to a child of ours."""


def bind(host: str, port: int, backlog: int = BACKLOG) -> socket.socket:
    """Return a listening socket; ``OSError`` when the address is in use or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted sockets inherit it
        sock.bind((host, port))
        sock.listen(backlog)
    except BaseException:
        sock.close()
        raise
    return sock


def inherited(environ: Mapping[str, str], pid: int) -> list[socket.socket]:
    """Return the listening sockets that whoever started us has opened; none is an empty list.

    ``LISTEN_FDS`` counts only where ``LISTEN_PID`` is ``pid``. What is no listening TCP or Unix
    socket is a :class:`~actors.errors.ConfigError`.
    """
    own = environ.get(OWN_VARIABLE, "")
    if own:
        return [_adopt(fd) for fd in _numbers(OWN_VARIABLE, own.split(","))]
    if environ.get("LISTEN_PID") != str(pid):
        return []
    (count,) = _numbers("LISTEN_FDS", [environ.get("LISTEN_FDS", "0")])
    return [_adopt(fd) for fd in range(FIRST_INHERITED, FIRST_INHERITED + count)]


def _numbers(name: str, texts: Iterable[str]) -> list[int]:
    texts = list(texts)
    if not all(text.isascii() and text.isdecimal() for text in texts):
        raise ConfigError(f"{name}={','.join(texts)[:100]!r}: must be numbers")
    return [int(text) for text in texts]


def _adopt(fd: int) -> socket.socket:
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise ConfigError(f"descriptor {fd} is no socket: {error.strerror}") from None
    tcp = sock.family in (socket.AF_INET, socket.AF_INET6)
    unix = sock.family == socket.AF_UNIX and isinstance(sock.getsockname(), str)  # has a path
    if (
        not (tcp or unix)
        or sock.type != socket.SOCK_STREAM
        or not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    ):
        sock.detach()
        raise ConfigError(
            f"descriptor {fd} is no listening TCP or Unix socket (of systemd: Accept=no)"
        )
    if tcp:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    os.set_inheritable(fd, False)
    return sock
