"""The sockets that the command serves on."""

from __future__ import annotations

import argparse
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actors.endpoint.command.arguments import written
from actors.errors import ConfigError
from supervision.processes.sockets import PUBLISH_VARIABLE, VARIABLES, bind, inherited
from supervision.processes.unix_socket import Place, UnixSocket


def listeners(host: str, port: int) -> list[socket.socket]:
    """Return the sockets that a service manager hands us, else a new one at the address.

    What told us of them is taken out of the environment, as it is not for processes of ours.
    """
    found = inherited(os.environ, os.getpid())
    for name in VARIABLES:
        os.environ.pop(name, None)
    return found or [_bound(host, port, port)]


def bindable(host: str, port: int) -> socket.socket:
    """Return a socket at any free port of ``host``: whoever serves at ``port`` now goes on.

    :class:`~actors.errors.ConfigError` speaks of ``port``, which is what was asked for.
    """
    return _bound(host, 0, port)


def publish_place(given: argparse.Namespace) -> Place | None:
    """Return where ``--publish`` and its options say that others publish."""
    if given.publish is None:
        for name, value in (("mode", given.publish_mode), ("group", given.publish_group)):
            if value is not None:
                raise ConfigError(f"--publish-{name} is for --publish PATH")
        return None
    if not given.publish:
        raise ConfigError("--publish: must be a path, such as /run/app.sock")
    mode = given.publish_mode
    if mode is None:
        mode = 0o600 if given.publish_group is None else 0o660
    return Place(Path(given.publish), mode, given.publish_group)


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
        raise _no_place(place, error) from None
    try:
        yield made.sock
    finally:
        made.end()


def check_publish(place: Place | None) -> None:
    """Raise :class:`~actors.errors.ConfigError` where nobody can listen at ``place``."""
    if place is not None:
        try:
            place.check()
        except OSError as error:
            raise _no_place(place, error) from None


def _no_place(place: Place, error: OSError) -> ConfigError:
    return ConfigError(f"--publish {str(place.path)!r}: {error.strerror or error}")


def _bound(host: str, number: int, port: int) -> socket.socket:
    try:
        return bind(host, number)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--bind {written(host, port)}: {reason}") from None
