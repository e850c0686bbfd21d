"""What a publisher connects by: where a server is, and sockets whose every step has one deadline.

The standard library alone, as :mod:`actors.publish`.
"""

from __future__ import annotations

import io
import os
import re
import select
import socket
import time
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from actors.errors import ConfigError

VISIBLE = re.compile(r"[!-~]+")  # what a request line and a header can carry

_UNIX: Final = "unix:"
_MAX_PATH: Final = 107  # unix(7), without the NUL at its end
_FULL_PAUSE: Final = 0.01


class Place(NamedTuple):
    """Where a server is: ``path`` of a Unix socket, or ``host`` and ``port``; ``to`` is shown."""

    to: str
    target: str = "/"
    path: str | None = None
    host: str = "localhost"
    port: int = 0
    secure: bool = False
    authority: str = "localhost"


def place_of(to: object) -> Place:
    """Return what ``to`` says; :class:`~actors.errors.ConfigError`: it is no place."""
    wanted = "'unix:/run/app.sock' or 'https://example.com/api/broadcast'"
    if isinstance(to, str) and to.startswith(_UNIX) and len(to) > len(_UNIX):
        return Place(to, path=_path(to[len(_UNIX) :]))
    if not isinstance(to, str) or not VISIBLE.fullmatch(to):
        raise ConfigError(f"to: must be {wanted}")
    try:
        url = urlsplit(to)
        port = url.port
    except ValueError as error:
        raise ConfigError(f"to: {error}; must be {wanted}") from None
    if "@" in url.netloc:
        raise ConfigError(f"to: must be a URL without a user, such as {wanted}")
    if url.scheme not in {"http", "https"} or not url.hostname or url.fragment:
        raise ConfigError(f"to: must be {wanted}")
    secure = url.scheme == "https"
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return Place(
        to.partition("?")[0],  # a query may hold what is a secret
        target,
        host=url.hostname,
        port=port or (443 if secure else 80),
        secure=secure,
        authority=url.netloc,
    )


def _path(path: str) -> str:
    try:
        size = len(os.fsencode(path))
    except UnicodeEncodeError:
        raise ConfigError("to: unix: the path cannot be encoded") from None
    if size > _MAX_PATH:
        raise ConfigError(f"to: unix: a path of {size} bytes: at most {_MAX_PATH}")
    if "\0" in path:
        raise ConfigError("to: unix: the path has a NUL in it")
    return path


def head(place: Place, key: str | None) -> bytes:
    """Return the head of every request, up to the length of its body."""
    lines = [f"POST {place.target} HTTP/1.1", f"Host: {place.authority}"]
    if key is not None and place.path is None:  # a Unix socket knows its peers by their user
        lines.append(f"Authorization: Bearer {key}")
    lines += ["Content-Type: application/json", "Content-Length: "]
    return "\r\n".join(lines).encode("ascii")


class Reader(io.RawIOBase):
    """Reads from ``sock`` up to a time: what comes byte by byte does not put that off.

    For :class:`http.client.HTTPResponse`, which asks a socket for a file.
    """

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock = sock
        self._until = until

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a file that reads; its end leaves the socket open."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, or wait for it."""
        self._sock.settimeout(left_until(self._until))
        return self._sock.recv_into(buffer)


def left_until(until: float) -> float:
    """Return the seconds that are left; ``TimeoutError`` where there are none."""
    remaining = until - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


def connect_tcp(found: list[Any], until: float) -> socket.socket:
    """Return a connection to the first address that takes one."""
    failed: OSError = OSError("the name has no address")
    for family, kind, protocol, _, address in found:
        sock = None
        try:
            sock = socket.socket(family, kind, protocol)
            sock.settimeout(left_until(until))
            sock.connect(address)
            return sock
        except OSError as error:  # with no IPv6 there is no socket of it
            failed = error
            if sock is not None:
                sock.close()
    raise failed


def connect_unix(path: str, timeout: float) -> socket.socket:
    """Return a connection to the socket at ``path``; a full one is waited for."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(timeout)
        until = time.monotonic() + timeout
        while True:
            try:
                sock.connect(path)
                return sock
            except BlockingIOError:  # unix(7): so many wait that there is no room for another
                time.sleep(min(_FULL_PAUSE, left_until(until)))
    except BaseException:
        sock.close()
        raise


def readable(sock: socket.socket) -> bool:
    """Whether something has come although nothing was asked: the end, mostly."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
