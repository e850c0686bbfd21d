"""Drills: SIGTERM comes while something is half done on the wire."""

from __future__ import annotations

from supervision.drills.drill import drill
from supervision.drills.server import DrillServer
from supervision.drills.stage import Stage
from supervision.drills.wire import TEXT, frame


@drill("G11", bound=3.0, needs=("websocket",))
def term_midhandshake(stage: Stage) -> None:
    """20 handshakes are half there: each gets 503, or 101 and then 1012; none hangs."""
    server = stage.serve(workers=1)
    half = [stage.websocket(server, first=40, label="half") for _ in range(10)]
    later = [stage.websocket(server, first=40, label="half, then all") for _ in range(10)]
    caught_up(stage, server)
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    server.wait_note("STOPPING=1")
    for client in later:
        client.send(client.rest)
    stage.wait_over([*half, *later])
    server.ended()
    stage.expect_saw(half, "HTTP 503")
    stage.expect_saw(later, "HTTP 503", "close 1012", "close 1001")


def caught_up(stage: Stage, server: DrillServer) -> None:
    """Return when the only worker has read all that clients had sent before."""
    client = stage.websocket(server, label="witness")
    stage.expect(client.opened() and client.alive() and client.alive(), "the worker has read")
    client.leave()


@drill("G12", bound=3.0, needs=("websocket",))
def term_midfragment(stage: Stage) -> None:
    """A message is half there: 1012 and not 1002."""
    server = stage.serve()
    client = stage.websocket(server)
    stage.expect(client.opened(), "a WebSocket is open")
    client.send(frame(TEXT, b"half", fin=False))
    stage.expect(client.alive(), "the fragment was read: the ping behind it is answered")
    stage.fault("SIGTERM to the master, mid_frame")
    server.signal(stage.TERM)
    stage.wait_over([client])
    server.ended()
    stage.expect_saw([client], "close 1012")
