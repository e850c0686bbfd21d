"""The command's master process: workers that serve the endpoint. It imports no application."""

from __future__ import annotations

import logging
import math
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from actors.endpoint.command.arguments import Given
from actors.endpoint.command.binding import (
    SocketFiles,
    bind_places,
    bound_to,
    listening,
    publish_place,
    publish_socket,
    url,
)
from actors.endpoint.command.logs import Logs, log_facts
from actors.endpoint.command.ops_port import OpsPort, ops_options, ops_port
from actors.endpoint.command.pidfile import PidFile
from actors.endpoint.command.reloading import REPLACED, watched_places
from actors.endpoint.command.renewal import renewed
from actors.errors import ConfigError
from actors.logs.told import tell_events
from actors.schedule import GRACE
from supervision.processes.directory import Directory, sweep
from supervision.processes.fleet import Fleet, Timeouts
from supervision.processes.master import SIGNALS, Master
from supervision.processes.once_file import once_path, remove
from supervision.processes.ops_slot import OpsSlot
from supervision.processes.signals import SignalPipe
from supervision.processes.successor import predecessor
from supervision.processes.totals import Totals
from supervision.processes.unix_socket import Place

DEMO: Final = "actors.endpoint.demo:endpoint"

LONGEST_DIRECTORY: Final = 80
"""Bytes: with a worker's name behind it the path must fit into a socket's address (unix(7))."""

logger = logging.getLogger("roost.master")


def serve(given: Given, arguments: Sequence[str], read: Callable[[], Given]) -> int:
    """Serve with ``given.workers`` workers until a signal; return the exit status.

    ``arguments`` are what a successor is started with. ``read`` reads all sources again.
    """
    watched = watched_places(given)
    with SignalPipe(SIGNALS) as signals:  # first: whatever is made below is cleared away
        logs = Logs(given.log_level, given.log_file, given.log_format)
        tell_events(master=True)
        for warning in given.resolved.warnings:
            logger.warning("%s", warning)
        follows = predecessor(os.environ)  # before what says so is taken out of it
        with (
            listening(bind_places(given)) as sockets,
            ops_port(given) as ops,
            private_directory() as directory,
            PidFile(given.pid_file, follows) as pid_file,
            publish_socket(place := publish_place(given)) as publish,
        ):
            scheme = "https" if given.certfile else "http"
            urls = [url(scheme, sock) for sock in sockets]

            def on_ready(facts: dict[str, Any]) -> None:
                pid_file.write()
                log_facts(facts)
                served = ", ".join(urls)
                logger.info("serving %s, pid %d, %g s to stop", served, os.getpid(), facts["grace"])
                if place is not None:
                    logger.info("others publish on %s", place.path)

            once_file = once_path(map(bound_to, sockets))
            fleet = Fleet(
                "actors.endpoint.worker",  # as long as SIGHUP may lead back to release 0.1
                sockets,
                {
                    **_told(given),
                    **_told_once(place),
                    "once": str(once_file),
                    "watched": watched,
                },
                directory,
                Timeouts(
                    heartbeat=given.heartbeat_timeout,
                    grace=given.grace or GRACE,
                    lame_duck=given.lame_duck,
                    patience=math.inf if watched else given.boot_patience,
                    replaced=REPLACED if watched else None,
                ),
                time.monotonic,
                secrets.token_hex(8),
                publish,
                None if ops is None else Totals(),
            )

            files = SocketFiles([*sockets, *([] if publish is None else [publish])])

            def on_reload() -> int:
                nonlocal given
                files.warn()
                given = renewed(given, read, fleet.last_reload)
                logs.change(given.log_level, given.log_format)
                tell_events(master=True)
                fleet.configure.update(_told(given))
                return int(given.workers)

            master = Master(
                fleet,
                given.workers,
                signals=signals,
                arguments=arguments,
                on_ready=on_ready,
                on_reload=on_reload,
                reopen=logs.reopen,
                on_alone=pid_file.take_back,
                predecessor=follows,
                ops=_ops_slot(lambda: given, ops, fleet),
                watched=watched,
            )
            status = master.run()
            if master.alone:
                remove(once_file)
            return status


def _told(given: Given) -> dict[str, Any]:
    """Return what each worker is told; a reload may change it."""
    return {
        "application": DEMO if given.application is None else given.application,
        "certfile": given.certfile,
        "keyfile": given.keyfile,
        "log_level": given.log_level,
        "log_file": given.log_file,
        "log_format": given.log_format,
        "access_log": given.access_log,
        "grace": given.grace,
        "heartbeat": given.heartbeat_timeout,
        "redis": given.redis,
        "trusted_proxies": given.trusted_proxy,
        "forwarded": given.forwarded,
        "workers": given.workers,
        "config": given.config,
        "overrides": given.resolved.overrides,
    }


def _told_once(place: Place | None) -> dict[str, Any]:
    """Return what no reload changes; the secret serves where the application has none."""
    return {
        "secret": secrets.token_urlsafe(48),
        "publish_any_user": place is not None and place.any_user,
    }


def _ops_slot(given: Callable[[], Given], port: OpsPort | None, fleet: Fleet) -> OpsSlot | None:
    """Return the slot of the ops process; :class:`ConfigError` where its token is none.

    ``given()`` are the settings as the last reload has read them.
    """
    if port is None:
        return None
    kept = ops_options(given())

    def options() -> dict[str, Any]:
        try:
            kept.update(ops_options(given()))
        except ConfigError as error:
            logger.error("%s; the token is what it was", error)
        return kept

    logger.info("health and metrics at http://%s", port.address)
    return OpsSlot(port.sock, fleet.selector, fleet.clock, options, port.older)


@contextmanager
def private_directory() -> Iterator[Directory]:
    """Make a directory of mode 0700 for the workers' sockets, as long as we live.

    What masters have left that were killed, and their workers too, is removed.
    """
    try:
        sweep()
        directory = Directory()
    except OSError as error:
        raise ConfigError(f"no directory for the workers' sockets: {error}") from None
    try:
        path = str(directory.path)
        if len(os.fsencode(path)) > LONGEST_DIRECTORY:
            raise ConfigError(
                f"TMPDIR is too long a path for the workers' sockets: {path!r} has over"
                f" {LONGEST_DIRECTORY} bytes"
            )
        yield directory
    finally:
        directory.remove()
