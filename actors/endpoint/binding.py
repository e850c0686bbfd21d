"""The sockets that the command serves on."""

from __future__ import annotations

import os
import socket

from actors.endpoint.arguments import written
from actors.errors import ConfigError
from supervision.processes.sockets import VARIABLES, bind, inherited


def listeners(host: str, port: int) -> list[socket.socket]:
    """Answer the sockets that a service manager hands us, else a new one at the address.

    What told us of them is taken out of the environment, as it is not for processes of ours.
    """
    found = inherited(os.environ, os.getpid())
    for name in VARIABLES:
        os.environ.pop(name, None)
    return found or [bound(host, port)]


def bound(host: str, port: int) -> socket.socket:
    """Answer a listening socket; :class:`~actors.errors.ConfigError` says why there is none."""
    try:
        return bind(host, port)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"--bind {written(host, port)}: {reason}") from None
