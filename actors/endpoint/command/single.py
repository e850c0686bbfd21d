"""The command in one process: checking, listing the limits, or serving until a signal.

Exit status: 0 after an orderly end, 2 for whatever the caller got wrong, 1 where a blocked process
had to be ended; see docs/operations.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import TYPE_CHECKING

from actors.endpoint.command import output
from actors.endpoint.command.binding import (
    bind_places,
    bindable,
    check_publish,
    listening,
    publish_place,
    publish_socket,
    url,
)
from actors.endpoint.command.loading import load
from actors.endpoint.command.logs import Logs, log_facts
from actors.endpoint.command.master import DEMO
from actors.endpoint.command.ops_port import OpsPort, check_ops, ops_options, ops_port
from actors.endpoint.command.pidfile import PidFile
from actors.endpoint.command.shutdown_signals import ShutdownSignals
from actors.errors import ConfigError

if TYPE_CHECKING:
    from actors.endpoint.definition import Endpoint
    from actors.endpoint.serving.server import Server
    from supervision.processes.unix_socket import Place

logger = logging.getLogger("roost.endpoint")


def run(given: argparse.Namespace) -> int:
    """Do what the options ask; return the exit status."""
    from actors.logs.context import ContextFilter  # noqa: PLC0415 - imports gevent

    Logs(given.log_level, given.log_file, given.log_format, context=ContextFilter())
    endpoint = load(DEMO if given.application is None else given.application)
    if given.print_limits:
        from actors.endpoint.limits import listed  # noqa: PLC0415 - imports every layer

        return _print("\n".join(listed(endpoint)))
    return _serve(endpoint, given)


def _print(text: str) -> int:
    error = output.write(sys.stdout, text)
    if error is not None and not isinstance(error, BrokenPipeError):
        raise ConfigError(f"standard output: {error.strerror}")
    return 0


def _serve(endpoint: Endpoint, given: argparse.Namespace) -> int:
    from actors.endpoint.command import memory  # noqa: PLC0415 - heavy, and not for --print-limits
    from actors.endpoint.command.certificate import server_context  # noqa: PLC0415
    from actors.endpoint.command.checking import problems  # noqa: PLC0415
    from actors.endpoint.routes import SECRET_OF_ONE_MACHINE  # noqa: PLC0415
    from actors.endpoint.serving import machines, proxies  # noqa: PLC0415
    from actors.endpoint.serving.candidate import candidate  # noqa: PLC0415
    from actors.endpoint.serving.server import Server  # noqa: PLC0415

    tls = server_context(given.certfile, given.keyfile)
    places = bind_places(given)
    with ExitStack() as stack:
        sockets = bindable(places) if given.check else stack.enter_context(listening(places))
        for sock in sockets:
            stack.callback(sock.close)
        urls = ", ".join(url("https" if tls else "http", sock) for sock in sockets)
        machines.use(endpoint, given.redis)
        proxies.use(endpoint, given.trusted_proxy, given.forwarded)
        links = machines.linked(endpoint)
        server = Server(
            endpoint, sockets, tls=tls, grace=given.grace,
            cluster=links.cluster, pubsub=links.pubsub, once=candidate(endpoint, links),
        )  # fmt: skip
        place = publish_place(given)
        if given.check:
            server.stop()
            check_publish(place)
            check_ops(given)
            if SECRET_OF_ONE_MACHINE in server.routes.notes:
                output.write(sys.stderr, f"roost: warning: {SECRET_OF_ONE_MACHINE}")
            return _report(endpoint, problems(endpoint, server.children))
        memory.tune()
        with PidFile(given.pid_file) as pid_file, publish_socket(place) as publish:
            if place is not None and publish is not None:
                server.publish_on(publish, any_user=place.any_user)
            port = stack.enter_context(ops_port(given))
            with nullcontext() if port is None else _ops(server, port, given):
                return _run(server, urls, pid_file, place)


def _ops(server: Server, port: OpsPort, given: argparse.Namespace) -> AbstractContextManager[None]:
    """Return the ops port of this process."""
    from actors.endpoint.ops import own  # noqa: PLC0415 - for who asks for it
    from actors.endpoint.ops.endpoint import OpsSettings  # noqa: PLC0415

    settings = OpsSettings.said(ops_options(given))
    source = own.OwnSource(lambda: server.stage, lambda: server.until, lambda: None)
    logger.info("health and metrics at http://%s", port.address)
    return own.serving(port.sock, source, settings)


def _report(endpoint: Endpoint, found: list[str]) -> int:
    """Say what ``--check`` found: a line for each problem, or how many sockets there are."""
    for problem in found:
        output.write(sys.stderr, f"roost: {' '.join(problem.split())}")
    if found:
        return 2
    count = len(endpoint.mounts)
    return _print(f"ok: {count} {'socket' if count == 1 else 'sockets'} mounted")


def _run(server: Server, urls: str, pid_file: PidFile, place: Place | None) -> int:
    signals = ShutdownSignals(server.grace, lambda name: server.ask(name, server.grace))

    def on_ready() -> None:
        pid_file.write()
        log_facts(server.facts())
        logger.info("serving %s, pid %d, %g s to stop", urls, os.getpid(), server.grace)
        if place is not None:
            logger.info("others publish on %s", place.path)

    status = server.serve(on_ready)
    if status == 0:
        signals.done()
    return status
