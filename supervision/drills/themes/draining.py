"""Drills: an orderly end, with nobody there, and with many."""

from __future__ import annotations

from supervision.drills.drill import drill
from supervision.drills.stage import Stage


@drill("G01", bound=1.0)
def quiet_term(stage: Stage) -> None:
    """Nobody is connected, SIGTERM to the master: exit status 0."""
    stage.stop(stage.serve())


@drill("G02", bound=3.0, needs=("websocket",))
def drain_500(stage: Stage) -> None:
    """500 WebSockets, SIGTERM: each is closed with 1012 and no reason."""
    server = stage.serve()
    clients = stage.websockets(server, 500)
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1012")


@drill("G05", bound=3.0, needs=("websocket",))
def drain_no_channel(stage: Stage) -> None:
    """50 WebSockets that have joined nothing: 1012, never 1000, never 1006."""
    server = stage.serve()
    clients = stage.websockets(server, 50)
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1012")
    stage.expect(all(each.end == "eof" for each in clients), "each connection ends by FIN")
