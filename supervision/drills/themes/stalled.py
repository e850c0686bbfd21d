"""Drills: something does not end when it should."""

from __future__ import annotations

from supervision.drills.drill import drill
from supervision.drills.stage import Stage


# The bound is that of ``close_timeout`` as it is by default, 5 s.
@drill("G19", bound=6.0, needs=("websocket",))
def close_ignored(stage: Stage) -> None:
    """A peer ignores the Close frame: the server closes its connection in time."""
    server = stage.serve()
    clients = stage.websockets(server, 10)
    for client in clients:
        client.answers_close = False
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1012")
