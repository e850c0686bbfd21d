"""The command's master process: workers that serve the endpoint. It imports no application."""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from actors.endpoint.arguments import written
from actors.endpoint.binding import listeners
from actors.endpoint.logs import Logs
from actors.errors import ConfigError
from supervision.processes.fleet import Fleet, Timeouts
from supervision.processes.master import Master

DEMO: Final = "actors.endpoint.demo:endpoint"
DEFAULT_GRACE: Final = 25.0

logger = logging.getLogger("roost.master")


def serve(given: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Serve with ``given.workers`` workers until a signal; answers the exit status."""
    logs = Logs(given.log_level, given.log_file)
    sockets = listeners(*given.bind)
    host, port = sockets[0].getsockname()[:2]
    scheme = "https" if given.certfile else "http"

    def on_ready(facts: dict[str, Any]) -> None:
        for line in facts["budget"]:
            logger.info("%s", line)
        logger.info(
            "serving %s://%s, pid %d, %g s to stop",
            scheme, written(host, port), os.getpid(), facts["grace"],
        )  # fmt: skip

    with _private_directory() as bus, _pid_file(given.pid_file):
        fleet = Fleet(
            "actors.endpoint.worker",
            sockets,
            _configuration(given, bus),
            Timeouts(heartbeat=given.heartbeat_timeout),
            time.monotonic,
            secrets.token_hex(4),
        )
        master = Master(
            fleet,
            given.workers,
            arguments=arguments,
            grace=given.grace or DEFAULT_GRACE,
            on_ready=on_ready,
            reopen=logs.reopen,
        )
        return master.run()


def _configuration(given: argparse.Namespace, bus: str) -> dict[str, Any]:
    """Answer what each worker is told; the secret serves where the application has none."""
    return {
        "application": given.application or DEMO,
        "certfile": given.certfile,
        "keyfile": given.keyfile,
        "log_level": given.log_level,
        "log_file": given.log_file,
        "grace": given.grace,
        "heartbeat": given.heartbeat_timeout,
        "bus": bus,
        "secret": secrets.token_urlsafe(48),
    }


@contextmanager
def _private_directory() -> Iterator[str]:
    """Make a directory of mode 0700 for the workers' sockets, as long as we live."""
    path = tempfile.mkdtemp(prefix="roost-")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _pid_file(path: str | None) -> Iterator[None]:
    if path is None:
        yield
        return
    try:
        Path(path).write_text(f"{os.getpid()}\n", encoding="ascii")
    except OSError as error:
        raise ConfigError(f"--pid-file {path!r}: {error.strerror}") from None
    try:
        yield
    finally:
        if _holds(path, os.getpid()):  # else it is a successor's by now
            Path(path).unlink(missing_ok=True)


def _holds(path: str, pid: int) -> bool:
    try:
        return Path(path).read_text(encoding="ascii").strip() == str(pid)
    except OSError:
        return False
