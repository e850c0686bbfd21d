"""Drills: nginx and HAProxy before the server, and clients that say that they are others."""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Final

from supervision.drills.clients import WebSocket
from supervision.drills.connection import HTTP, pump
from supervision.drills.drill import Skipped, drill
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.wire import request
from tests.drills.stage import AppStage
from tests.support.haproxy import haproxy
from tests.support.nginx import nginx

SPOOFED: Final = (
    "X-Forwarded-For: 203.0.113.7",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.example",
    "Forwarded: for=203.0.113.7;proto=https",
    "X-Real-IP: 203.0.113.7",
)
CLIENTS: Final = ("127.0.0.2", "127.0.0.3")
EACH: Final = 8
"""WebSockets of each address: both workers have some."""

MEANS: Final = (
    ("nginx", "", "x-forwarded"),
    ("haproxy", "", "x-forwarded"),
    ("haproxy", "send-proxy-v2", "proxy-protocol"),
)


@drill("G61", bound=30.0)
def proxies(stage: AppStage) -> None:
    """nginx and HAProxy before two workers: addresses are the clients', whatever these claim."""
    missing = [name for name in ("nginx", "haproxy") if shutil.which(name) is None]
    if missing:
        raise Skipped(f"{' and '.join(missing)}: not installed")
    stage.directory.chmod(0o755)  # nginx's workers are another user's, where we are root
    stage.fault("clients claim to have another address")
    for name, speaks, mode in MEANS:
        server = stage.serve(
            "--trusted-proxy", "127.0.0.1", "--forwarded", mode, "--access-log", workers=2
        )
        with _proxy(stage, server, name, speaks) as address:
            _through(stage, server, address, f"{name} {speaks}".strip())
        if mode == "x-forwarded":
            _directly(stage, server)
        server.signal(stage.TERM)
        server.ended()
    stage.settled()


@contextmanager
def _proxy(
    stage: AppStage, server: DrillServer, name: str, speaks: str
) -> Iterator[tuple[str, int]]:
    place = stage.directory / f"proxy-{len(stage.servers)}"
    place.mkdir()
    with ExitStack() as stack:
        if name == "nginx":
            yield stack.enter_context(nginx(place, server.address))
        else:
            yield stack.enter_context(haproxy(place, server.address, speaks=speaks))
    stage.note("drill", f"{name} has ended")


def _through(stage: AppStage, server: DrillServer, address: tuple[str, int], means: str) -> None:
    """Check by the access log who the server takes clients for that come by a proxy."""
    path = stage.target.websocket or ""
    clients = [
        WebSocket(address, path, means, lines=SPOOFED, source=source)
        for source in CLIENTS
        for _ in range(EACH)
    ]
    stage.clients += clients
    pump(clients, PATIENCE, lambda: all(each.answers or each.end for each in clients))
    served = [
        each.accepted and stage.is_served(each, f"{means} {number}")
        for number, each in enumerate(clients)
    ]
    stage.expect(all(served), f"{means}: {sum(served)} of {len(clients)} are served")
    for source in CLIENTS:
        line = HTTP(address, source)
        answer = line.ask(request("/nothing", *SPOOFED), PATIENCE)
        stage.expect(answer and answer.status == 404, f"{means}: a request is answered")
        line.close()
    for each in clients:
        each.leave()
    _told(stage, server, means, dict.fromkeys(CLIENTS, EACH + 1))


def _directly(stage: AppStage, server: DrillServer) -> None:
    """Check that who is no trusted proxy is not believed either."""
    before = _addresses(server)
    client = WebSocket(
        server.address, stage.target.websocket or "", "direct", lines=SPOOFED, source=CLIENTS[0]
    )
    stage.clients.append(client)
    stage.expect(client.opened(), "a client without a proxy is accepted")
    client.leave()
    _told(stage, server, "without a proxy", before + Counter({CLIENTS[0]: 1}))


def _addresses(server: DrillServer) -> Counter[str]:
    """Return whom the access log names, and how often."""
    found = (re.search(r"roost\.access: (\S+) ", line) for line in list(server.lines))
    return Counter(line[1] for line in found if line)


def _told(stage: AppStage, server: DrillServer, means: str, wanted: Mapping[str, int]) -> None:
    """Wait until the access log has as many lines as wanted, and check whom they name."""
    until = time.monotonic() + PATIENCE
    while (found := _addresses(server)).total() < sum(wanted.values()):
        if time.monotonic() > until:
            break
        time.sleep(0.01)
    stage.expect(found == wanted, f"{means}: the access log names the clients: {dict(found)}")
