"""Which worker serves whom, and which workers there are."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from supervision.drills.clients import WebSocket
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.stage import Stage


def split(server: DrillServer, clients: Sequence[WebSocket]) -> dict[int, list[WebSocket]]:
    """Return the clients of each worker."""
    owners = server.owners(clients)
    found: dict[int, list[WebSocket]] = {pid: [] for pid in server.workers}
    for client in clients:
        if client.port in owners:
            found.setdefault(owners[client.port], []).append(client)
    return found


def reach(stage: Stage, server: DrillServer, worker: int, path: str = "") -> list[WebSocket]:
    """Connect clients until ``worker`` serves one of them, the last; return them all."""
    clients: list[WebSocket] = []
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        client = stage.websocket(server, path)
        if client.opened():
            clients.append(client)
            if server.owner(client) == worker:
                return clients
    raise TimeoutError(f"worker {worker} accepts nobody")


def everywhere(stage: Stage, server: DrillServer, path: str) -> list[WebSocket]:
    """Connect subscribers until every worker has some."""
    clients = stage.websockets(server, 12, path=path, label="subscriber")
    until = time.monotonic() + PATIENCE
    while not all(split(server, clients).values()):
        if time.monotonic() > until:
            raise TimeoutError("one of the workers accepts nobody")
        clients += stage.websockets(server, 4, path=path, label="subscriber")
    return clients


def without(*gone: int, left: int = 0) -> Callable[[list[int]], bool]:
    """Return what ``wait_workers`` waits for: none of ``gone``, and some ``left``."""
    return lambda pids: len(pids) >= left and not set(pids) & set(gone)
