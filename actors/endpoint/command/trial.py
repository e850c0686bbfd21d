"""What ``check`` tries instead of what ``serve`` does: whoever serves there goes on.

Addresses are bound at free ports, and of files it is found out whether they could be made; nothing
is left of either. What is wrong is said in the words of ``serve``.
"""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from actors.endpoint.command.arguments import Given
from actors.endpoint.command.binding import (
    Where,
    bind_places,
    bind_refusal,
    bound,
    no_place,
    publish_place,
)
from actors.endpoint.command.logs import no_log_file
from actors.endpoint.command.ops_port import ops_refusal, tried_ops
from actors.endpoint.command.pidfile import PidFile
from actors.endpoint.command.reloading import watched_places
from supervision.processes.unix_socket import IN_USE, Place

_ANY: Final = "0.0.0.0"  # noqa: S104 - it is compared with
_ANY6: Final = "::"


@contextmanager
def tried(given: Given) -> Iterator[list[socket.socket]]:
    """Try all that the settings name; yield a socket at a free port of each address of ``--bind``.

    :class:`~actors.errors.ConfigError`: ``serve`` would end with it. It speaks of the port that was
    asked for. Whether others have that port is not asked.
    """
    watched_places(given)
    places, publish = bind_places(given), publish_place(given)
    if given.log_file is not None:
        _try_log_file(given.log_file)
    PidFile(given.pid_file).check()
    with ExitStack() as stack:
        listening: list[tuple[int, socket.socket]] = []
        for host, port in (each for each in places if not isinstance(each, Place)):
            sock = stack.enter_context(bound(host, 0, port))
            if _taken(port, sock, listening):
                raise bind_refusal(host, port, os.strerror(errno.EADDRINUSE))
            listening.append((port, sock))
        _try_files(places, publish)
        ops = tried_ops(given)
        if ops is not None:
            host, port = given.ops
            stack.enter_context(ops)
            if _taken(port, ops, listening):
                raise ops_refusal(host, port, os.strerror(errno.EADDRINUSE))
        yield [sock for _, sock in listening]


def _try_files(places: Sequence[Where], publish: Place | None) -> None:
    seen: set[Path] = set()
    named = [("bind", each) for each in places if isinstance(each, Place)]
    for option, place in [*named, *([] if publish is None else [("publish", publish)])]:
        real = place.path.resolve()
        try:
            place.check()
        except OSError as error:
            raise no_place(option, place, error) from None
        if real in seen:
            raise no_place(option, place, OSError(errno.EADDRINUSE, IN_USE))
        seen.add(real)


def _try_log_file(path: str) -> None:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC))
    except FileNotFoundError as error:  # it is made by whoever serves
        if not path:
            raise no_log_file(path, error) from None
        try:
            tempfile.TemporaryFile(dir=Path(path).resolve().parent).close()
        except OSError as failed:
            raise no_log_file(path, failed) from None
    except OSError as error:
        if error.errno != errno.ENXIO:  # a FIFO that nobody reads
            raise no_log_file(path, error) from None


def _taken(port: int, sock: socket.socket, listening: list[tuple[int, socket.socket]]) -> bool:
    """Whether the kernel would refuse ``port`` there, as another address of ours excludes it."""
    same = [other for theirs, other in listening if theirs == port != 0]
    return any(_covers(sock, other) or _covers(other, sock) for other in same)


def _covers(one: socket.socket, other: socket.socket) -> bool:
    host, there = one.getsockname()[0], other.getsockname()[0]
    if host == _ANY6:  # of IPv4 too, unless the machine is set up otherwise
        both = not one.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        return both or other.family == socket.AF_INET6
    return host == there or (host == _ANY and other.family == socket.AF_INET)
