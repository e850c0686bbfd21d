"""Drills: a second signal while the first is obeyed."""

from __future__ import annotations

import signal
import time

from supervision.drills.clients import WebSocket
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE, DrillServer
from tests.drills.stage import AppStage

SLOW = {"batch_size": 1, "batch_interval": 0.4}


@drill("G10", bound=15.0, late=True)
def double_term(stage: AppStage) -> None:
    """A second SIGTERM changes nothing; SIGINT or SIGQUIT instead: 1001 at once, and the end."""
    server, clients = _draining(stage)
    server.signal(signal.SIGTERM)
    stage.wait_over(clients)
    stage.expect(server.ended() == 0, "exit status 0")
    stage.expect_saw(clients, "close 1012")
    times = sorted(client.closed_at for client in clients)
    mean = (times[-1] - times[0]) / (len(times) - 1)
    stage.expect(mean >= 0.9 * SLOW["batch_interval"], f"the pace stays as it was: {mean:.2f} s")
    stage.expect(server.find("stopping already"), "the log says that it stops already")
    for number in (signal.SIGINT, signal.SIGQUIT):
        server, clients = _draining(stage)
        began = time.monotonic()
        server.signal(number)
        stage.wait_over(clients)
        stage.expect(server.ended() == 0, "exit status 0")
        stage.within(server.ended_at - began, 2.0, f"end after {number.name}")
        told = sorted(client.saw for client in clients)
        stage.expect(told[0] == "close 1001" and told.count("close 1001") >= 5, f"1001: {told}")


def _draining(stage: AppStage) -> tuple[DrillServer, list[WebSocket]]:
    """Return a server that drains one client after the other, and has told the first."""
    server = stage.serve(workers=1, options={"drainer": SLOW})
    clients = stage.websockets(server, 8)
    stage.fault("SIGTERM to the master")
    server.signal(signal.SIGTERM)
    pump(clients, PATIENCE, lambda: any(client.code for client in clients))
    return server, clients
