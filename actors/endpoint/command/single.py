"""The command in one process: checking, listing the limits, or serving until a signal.

Exit status: 0 after an orderly end, 2 for whatever the caller got wrong, 1 where a blocked process
had to be ended; see docs/operations.md.
"""

from __future__ import annotations

import logging
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Final

from actors.endpoint.command import output
from actors.endpoint.command.arguments import Given
from actors.endpoint.command.binding import (
    bind_places,
    listening,
    publish_place,
    publish_socket,
    url,
)
from actors.endpoint.command.loading import load
from actors.endpoint.command.logs import Logs, log_facts
from actors.endpoint.command.master import DEMO
from actors.endpoint.command.ops_port import OpsPort, ops_options, ops_port
from actors.endpoint.command.pidfile import PidFile
from actors.endpoint.command.reloading import watched_places
from actors.endpoint.command.shutdown_signals import ShutdownSignals
from actors.logs.told import tell_events, tell_requests

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Iterator

    from actors.endpoint.definition import Endpoint
    from actors.endpoint.serving.server import Server
    from supervision.processes.unix_socket import Place

STOP_TO_EXIT: Final = 2.0
"""Seconds beyond the budget until the last process has ended, at most."""

logger = logging.getLogger("roost.endpoint")


def run(given: Given) -> int:
    """Do what the options ask; return the exit status."""
    if given.check:
        return check(given)
    if not given.print_limits:
        watched_places(given)
    endpoint = loaded(given, serves=not given.print_limits)
    if given.print_limits:
        from actors.endpoint.limits import listed  # noqa: PLC0415 - imports every layer

        return output.say("\n".join(listed(endpoint)))
    return _serve(endpoint, given)


def loaded(given: Given, *, serves: bool = False) -> Endpoint:
    """Log as the options say, and return the endpoint that they name, as they want it.

    Who does not serve is at a console, wherever the lines of the service go and in what form.
    """
    from actors.logs.context import ContextFilter  # noqa: PLC0415 - imports gevent

    place = (given.log_file, given.log_format) if serves else (None, "console")
    Logs(given.log_level, *place, context=ContextFilter())
    tell_events()
    if given.access_log:
        tell_requests()
    for warning in given.resolved.warnings:
        logger.warning("%s", warning)
    endpoint = load(DEMO if given.application is None else given.application)
    if given.resolved.overrides:
        from actors.endpoint.command import applying  # noqa: PLC0415 - takes its time

        applying.use(endpoint, given.resolved.overrides, str(given.config))
    return endpoint


def check(given: Given, termination_grace: float | None = None) -> int:
    """Say what is wrong; return the exit status.

    ``termination_grace``: seconds that a stop has, from SIGTERM to SIGKILL.
    """
    from actors.endpoint.command.checking import problems  # noqa: PLC0415 - heavy
    from actors.endpoint.command.trial import tried  # noqa: PLC0415
    from actors.endpoint.routes import SECRET_OF_ONE_MACHINE  # noqa: PLC0415

    endpoint = loaded(given)
    with tried(given) as sockets:
        server = _server(endpoint, given, sockets, _certificate(given))
        server.stop()
    if SECRET_OF_ONE_MACHINE in server.routes.notes:
        output.write(sys.stderr, f"roost: warning: {SECRET_OF_ONE_MACHINE}")
    found = problems(endpoint, server.children)
    if termination_grace is not None:
        found += _cut_off(given.lame_duck, server.grace, termination_grace)
    of = "" if given.application else ", of the demo: no application is named"
    return _report(endpoint, found, of)


def _cut_off(lame_duck: float, grace: float, has: float) -> Iterator[str]:
    """Yield what is wrong with the time that a stop has before the process is killed."""
    needs = lame_duck + grace + STOP_TO_EXIT
    if needs > has:
        yield (
            f"--termination-grace {has:g}: a stop takes up to lame_duck {lame_duck:g} + grace"
            f" {grace:g} + {STOP_TO_EXIT:g} = {needs:g} s, and would be cut off"
        )


def _certificate(given: Given) -> ssl.SSLContext | None:
    from actors.endpoint.command.certificate import server_context  # noqa: PLC0415 - heavy

    return server_context(given.certfile, given.keyfile)


def _server(
    endpoint: Endpoint, given: Given, sockets: list[socket.socket], tls: ssl.SSLContext | None
) -> Server:
    from actors.endpoint.serving import machines, proxies  # noqa: PLC0415 - heavy
    from actors.endpoint.serving.candidate import candidate  # noqa: PLC0415
    from actors.endpoint.serving.server import Server  # noqa: PLC0415

    machines.use(endpoint, given.redis)
    proxies.use(endpoint, given.trusted_proxy, given.forwarded)
    links = machines.linked(endpoint)
    return Server(
        endpoint, sockets, tls=tls, grace=given.grace,
        cluster=links.cluster, pubsub=links.pubsub, once=candidate(endpoint, links),
    )  # fmt: skip


def _serve(endpoint: Endpoint, given: Given) -> int:
    from actors.endpoint.command import memory  # noqa: PLC0415 - heavy, and not for --print-limits

    tls = _certificate(given)
    with listening(bind_places(given)) as sockets:
        urls = ", ".join(url("https" if tls else "http", sock) for sock in sockets)
        server = _server(endpoint, given, sockets, tls)
        place = publish_place(given)
        memory.tune()
        with (
            PidFile(given.pid_file) as pid_file,
            publish_socket(place) as publish,
            ops_port(given) as port,
        ):
            if place is not None and publish is not None:
                server.publish_on(publish, any_user=place.any_user)
            with nullcontext() if port is None else _ops(server, port, given):
                return _run(server, urls, pid_file, place, given.lame_duck)


def _ops(server: Server, port: OpsPort, given: Given) -> AbstractContextManager[None]:
    """Return the ops port of this process."""
    from actors.endpoint.ops import own  # noqa: PLC0415 - for who asks for it
    from actors.endpoint.ops.endpoint import OpsSettings  # noqa: PLC0415
    from actors.endpoint.serving.counting import Counting  # noqa: PLC0415

    settings = OpsSettings.said(ops_options(given))
    counting = Counting(server.dispatcher, server.connections, server.endpoint, own.SLOT)
    counting.start()
    counting.sweep_often()
    source = own.OwnSource(lambda: server.stage, lambda: server.until, counting.totals)
    logger.info("health and metrics at http://%s", port.address)
    return own.serving(port.sock, source, settings)


def _report(endpoint: Endpoint, found: list[str], of: str) -> int:
    """Say what ``--check`` found: a line for each problem, or how many sockets there are ``of``."""
    for problem in found:
        output.write(sys.stderr, f"roost: {' '.join(problem.split())}")
    if found:
        return 2
    count = len(endpoint.mounts)
    return output.say(f"ok: {count} {'socket' if count == 1 else 'sockets'} mounted{of}")


def _run(
    server: Server, urls: str, pid_file: PidFile, place: Place | None, lame_duck: float
) -> int:
    def waits() -> None:
        logger.info("not ready any more; the drain begins in %g s", lame_duck)
        server.leave(lame_duck + server.grace)

    signals = ShutdownSignals(server.grace, lambda name: server.ask(name, server.grace), waits)

    def on_ready() -> None:
        signals.allow_lame_duck(lame_duck)
        pid_file.write()
        log_facts(server.facts())
        logger.info("serving %s, pid %d, %g s to stop", urls, os.getpid(), server.grace)
        if place is not None:
            logger.info("others publish on %s", place.path)

    status = server.serve(on_ready)
    signals.leave()
    if status == 0:
        signals.done()
    return status
