"""The sockets that the command serves on."""

from __future__ import annotations

import argparse
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from actors.endpoint.command.setting import written
from actors.errors import ConfigError
from actors.unix_files import identity
from supervision.processes.sockets import (
    OWN_VARIABLE,
    PUBLISH_VARIABLE,
    VARIABLES,
    bind,
    inherited,
)
from supervision.processes.unix_socket import Place, UnixSocket

Where = tuple[str, int] | Place
"""An address, or the place of a Unix socket."""

logger = logging.getLogger("roost.endpoint")

DEFAULT: Final = ("127.0.0.1", 4000)


def bind_places(given: argparse.Namespace) -> list[Where]:
    """Return where ``--bind`` and its options say that clients come."""
    asked = given.bind or [DEFAULT]
    if not any(isinstance(each, Path) for each in asked):
        _refuse_without("bind", "unix:PATH", given.bind_mode, given.bind_group)
    return [
        Place(each, _mode(given.bind_mode, given.bind_group), given.bind_group)
        if isinstance(each, Path)
        else each
        for each in asked
    ]


@contextmanager
def listening(places: Sequence[Where]) -> Iterator[list[socket.socket]]:
    """Listen on the sockets that a service manager or an earlier master hands us, else at places.

    What told us of them is taken out of the environment, as it is not for processes of ours. At
    the end they are closed, and the files of Unix sockets removed unless others listen there.
    """
    ours = OWN_VARIABLE in os.environ
    found = inherited(os.environ, os.getpid())
    for name in VARIABLES:
        os.environ.pop(name, None)
    with ExitStack() as stack:
        if ours:
            yield [_taken_over(sock, places, stack) for sock in found]
        else:
            yield found or [_listening(place, stack) for place in places]


def _listening(place: Where, stack: ExitStack) -> socket.socket:
    if not isinstance(place, Place):
        sock = bound(*place, place[1])
        stack.callback(sock.close)
        return sock
    try:
        made = UnixSocket.bind(place)
    except OSError as error:
        raise no_place("bind", place, error) from None
    stack.callback(made.end)
    return made.sock


def _taken_over(sock: socket.socket, places: Sequence[Where], stack: ExitStack) -> socket.socket:
    for place in places:
        if isinstance(place, Place) and sock.getsockname() == str(place.path):
            try:
                stack.callback(UnixSocket(place, sock).end)
            except FileNotFoundError:  # somebody has removed it, so nobody comes to this one
                sock.close()
                return _listening(place, stack)
    return sock


class SocketFiles:
    """The files of the Unix sockets among ``sockets``: nobody can connect where one is gone."""

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        unix = [sock for sock in sockets if sock.family == socket.AF_UNIX]
        self._files = {path: _identity(path) for path in (Path(s.getsockname()) for s in unix)}

    def warn(self) -> None:
        """Log which are gone, or are another's by now."""
        for path, ours in self._files.items():
            if ours is None or _identity(path) != ours:
                logger.warning(
                    "unix:%s: its file was removed, so nobody can connect there; a new master"
                    " (SIGUSR2), or a restart, makes it anew",
                    path,
                )


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        return identity(path)
    except OSError:
        return None


def url(scheme: str, sock: socket.socket) -> str:
    """Return what clients connect to, for the log."""
    name = sock.getsockname()
    return f"unix:{name}" if isinstance(name, str) else f"{scheme}://{written(*name[:2])}"


def bound_to(sock: socket.socket) -> object:
    """Return the socket's address: (host, port), or a path."""
    name = sock.getsockname()
    return name if isinstance(name, str) else name[:2]


def publish_place(given: argparse.Namespace) -> Place | None:
    """Return where ``--publish`` and its options say that others publish."""
    if given.publish is None:
        _refuse_without("publish", "PATH", given.publish_mode, given.publish_group)
        return None
    if not given.publish:
        raise ConfigError("--publish: must be a path, such as /run/app.sock")
    mode = _mode(given.publish_mode, given.publish_group)
    return Place(Path(given.publish), mode, given.publish_group)


def _refuse_without(option: str, what: str, mode: int | None, group: str | None) -> None:
    for name, value in (("mode", mode), ("group", group)):
        if value is not None:
            raise ConfigError(f"--{option}-{name} is for --{option} {what}")


def _mode(mode: int | None, group: str | None) -> int:
    if mode is not None:
        return mode
    return 0o600 if group is None else 0o660


@contextmanager
def publish_socket(place: Place | None) -> Iterator[socket.socket | None]:
    """Listen at ``place``: on the socket of the master that has started us, where there is one."""
    fd = os.environ.pop(PUBLISH_VARIABLE, "")
    if place is None:
        yield None
        return
    try:
        adopted = UnixSocket.adopt(place, int(fd)) if fd.isascii() and fd.isdecimal() else None
        made = adopted or UnixSocket.bind(place)
    except OSError as error:
        raise no_place("publish", place, error) from None
    try:
        yield made.sock
    finally:
        made.end()


def no_place(option: str, place: Place, error: OSError) -> ConfigError:
    """Return what is said where nobody can listen at ``place`` of an option."""
    return ConfigError(f"--{option} {str(place.path)!r}: {error.strerror or error}")


def bound(host: str, number: int, port: int) -> socket.socket:
    """Return a socket that listens at a port; what is wrong is said of the ``port`` asked for."""
    try:
        return bind(host, number)
    except (OSError, UnicodeError) as error:
        raise bind_refusal(host, port, getattr(error, "strerror", None) or error) from None


def bind_refusal(host: str, port: int, reason: object) -> ConfigError:
    """Return what is said where nobody can listen at an address."""
    return ConfigError(f"--bind {written(host, port)}: {reason}")
