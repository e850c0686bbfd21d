"""The listening socket of ``--ops``, its token, and what the ops process is told of the options."""

from __future__ import annotations

import argparse
import ipaddress
import os
import re
import select
import socket
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, NamedTuple

from actors.endpoint.command.setting import written
from actors.errors import ConfigError
from supervision.processes.ops_relay import handed_over
from supervision.processes.sockets import bind

TOKEN_VARIABLE: Final = "ROOST_OPS_TOKEN"

MIN_TOKEN: Final = 16
"""Characters of a token; ``gen token`` makes one of 43."""

MAX_FILE: Final = 65_536
"""Bytes of the token's file that are read."""

PIPE: Final = 2.0
"""Seconds that it may take to say it, where it is a pipe."""

_NEEDS_OPS: Final = ("ops_allow_remote", "ops_host", "ops_token_file", "ops_deeds")


class OpsPort(NamedTuple):
    """The listening socket, and the channel to the master that has the port until we serve."""

    sock: socket.socket
    older: socket.socket | None

    @property
    def address(self) -> str:
        """What it is reached at, such as ``127.0.0.1:4001``."""
        return written(*self.sock.getsockname()[:2])


@contextmanager
def ops_port(given: argparse.Namespace) -> Iterator[OpsPort | None]:
    """Listen where ``--ops`` says, or go on with what an earlier master hands over.

    ``ConfigError``: the address is in use, or is not loopback and nobody has allowed that.
    """
    inherited = handed_over(os.environ)
    refuse_never_ready(given)
    with ExitStack() as stack:
        for sock in inherited or ():
            stack.callback(sock.close)
        if given.ops is None:
            _refuse_alone(given)
            yield None
            return
        host, port = given.ops
        if inherited is not None and port in (0, inherited[0].getsockname()[1]):
            yield OpsPort(*inherited)
            return
        sock = _bound(host, port, port, allow_remote=given.ops_allow_remote)
        stack.callback(sock.close)
        yield OpsPort(sock, None)


def tried_ops(given: argparse.Namespace) -> socket.socket | None:
    """Return a socket at a free port of the address of ``--ops``, ``None`` where there is none.

    :class:`~actors.errors.ConfigError`: it could not be served.
    """
    refuse_never_ready(given)
    if given.ops is None:
        _refuse_alone(given)
        return None
    _needed_token(given)
    return _bound(given.ops[0], given.ops[1], 0, allow_remote=given.ops_allow_remote)


def ops_options(given: argparse.Namespace) -> dict[str, Any]:
    """Return what an ops process is told when it starts; the token's file is read each time."""
    return {
        "log_level": given.log_level,
        "log_file": given.log_file,
        "log_format": given.log_format,
        "min_ready": given.min_ready,
        "token": _needed_token(given),
        "deeds": given.ops_deeds,
        "hosts": [given.ops[0], *(given.ops_host or ())],
    }


def _needed_token(given: argparse.Namespace) -> str | None:
    """Return the token; a server with deeds needs one."""
    found = token(given)
    if found is None and given.ops_deeds:
        raise ConfigError(
            f"--ops-deeds needs a token, in {TOKEN_VARIABLE} or in the file of --ops-token-file"
        )
    return found


def token(given: argparse.Namespace) -> str | None:
    """Return the token, ``None`` where there is none: the file's, else the environment's."""
    path = given.ops_token_file
    if path is None:
        found, where = os.environ.get(TOKEN_VARIABLE, ""), TOKEN_VARIABLE
        if not found:
            return None
    else:
        found, where = _read(path), _named(path)
    if not re.fullmatch(rf"[!-~]{{{MIN_TOKEN},}}", found):
        raise ConfigError(f"{where}: must hold {MIN_TOKEN} or more visible ASCII characters")
    return found


def _read(path: str) -> str:
    try:
        return _bytes(path).decode("utf-8", "replace").strip()
    except OSError as error:
        raise ConfigError(f"{_named(path)}: {error.strerror or error}") from None


def _named(path: str) -> str:
    """Return how the file is called, so that the log does not take its path for a token."""
    return f"{path!r} (--ops-token-file)"


def _bytes(path: str) -> bytes:
    # A FIFO would be waited for, by a master that watches its workers.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISREG(mode) and mode & 0o177:
            raise OSError(
                f"its mode is {stat.S_IMODE(mode):04o}, and must be 0600, so that nobody else can"
                " read it"
            )
        data, until = b"", time.monotonic() + PIPE
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        while len(data) < MAX_FILE:
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                raise OSError(f"nothing came out of it for {PIPE:g} s")
            more = os.read(fd, MAX_FILE - len(data))
            if not more:
                break
            data += more
        return data
    finally:
        os.close(fd)


def ops_refusal(host: str, port: int, reason: object) -> ConfigError:
    """Return what is said where ``--ops`` cannot be served at an address."""
    return ConfigError(f"--ops {written(host, port)}: {reason}")


def _bound(host: str, port: int, number: int, *, allow_remote: bool) -> socket.socket:
    try:
        address = host if ":" in host else socket.gethostbyname(host)
        if not allow_remote and not ipaddress.ip_address(address).is_loopback:
            raise ops_refusal(host, port, "is not loopback; --ops-allow-remote allows that")
        return bind(address, number)
    except (OSError, UnicodeError, ValueError) as error:
        raise ops_refusal(host, port, getattr(error, "strerror", None) or error) from None


def refuse_never_ready(given: argparse.Namespace) -> None:
    """Raise :class:`~actors.errors.ConfigError` where ``/readyz`` would be 503 for ever."""
    workers = max(1, given.workers)
    if given.ops is not None and given.min_ready > workers:
        raise ConfigError(
            f"--min-ready {given.min_ready}: is more than there are workers, {workers}"
        )


def _refuse_alone(given: argparse.Namespace) -> None:
    for name in _NEEDS_OPS:
        if getattr(given, name):
            raise ConfigError(f"--{name.replace('_', '-')} is for --ops HOST:PORT")
