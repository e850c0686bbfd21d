"""Drills: the machine has no more of something: disk."""

from __future__ import annotations

from pathlib import Path

from supervision.drills.drill import drill
from supervision.drills.stage import Stage, free_address


@drill("G32", bound=3.0, needs=("websocket",))
def disk_full(stage: Stage) -> None:
    """The log goes to a disk that is full: clients do not notice, exit status 0."""
    server = stage.serve(bind=free_address(), output=Path("/dev/full"))
    clients = stage.websockets(server, 20)
    stage.fault("every line of the log fails, SIGTERM to the master")
    answered = [stage.is_served(each, f"message-{number}") for number, each in enumerate(clients)]
    stage.expect(all(answered), "every client is answered")
    server.signal(stage.TERM)
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1012")
