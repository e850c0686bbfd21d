"""The sockets that the command serves on."""

from __future__ import annotations

import os
import socket

from actors.endpoint.command.arguments import written
from actors.errors import ConfigError
from supervision.processes.sockets import VARIABLES, bind, inherited


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


def _bound(host: str, number: int, port: int) -> socket.socket:
    try:
        return bind(host, number)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--bind {written(host, port)}: {reason}") from None
