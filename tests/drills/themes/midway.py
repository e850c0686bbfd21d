"""Drills: SIGTERM comes while a callback runs, or between messages."""

from __future__ import annotations

import threading

from supervision.drills.clients import WebSocket
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE
from supervision.drills.themes import midway
from supervision.drills.wire import CLOSE, TEXT, frame
from tests.drills.ledger import HANDLED
from tests.drills.stage import AppStage

PUSHES = 10_000
WINDOW = 128
"""Messages that a server reads on behalf of a socket that is busy."""


@drill("G11", bound=3.0, needs=("websocket",))
def term_midhandshake(stage: AppStage) -> None:
    """20 handshakes are half there: each gets 503, or 101 and then 1012; none hangs."""
    midway.term_midhandshake.run(stage)
    _held_in_connect(stage)


def _held_in_connect(stage: AppStage) -> None:
    """Have another server told to end while ``connect`` runs: between the request and the 101."""
    stage.points.held.add("before_101")
    server = stage.serve(workers=1)
    held = [stage.websocket(server, at="before_101", label="in connect") for _ in range(5)]
    stage.points.wait("before_101", 5)
    server.signal(stage.TERM)
    server.wait_note("STOPPING=1")
    stage.points.release("before_101")
    stage.wait_over(held)
    server.ended()
    stage.expect_saw(held, "HTTP 503", "close 1012", "close 1001")


@drill("G12", bound=3.0, needs=("websocket",))
def term_midfragment(stage: AppStage) -> None:
    """A message is half there: 1012 and not 1002, and the half reaches no callback."""
    midway.term_midfragment.run(stage)
    stage.expect(not stage.ledger.entries(HANDLED), "no callback has seen it")


@drill("G13", bound=5.0)
def term_midpush(stage: AppStage) -> None:
    """SIGTERM within 10,000 pushes: what is answered was handled, and the answers come first."""
    server = stage.serve()
    client = stage.websocket(server)
    client.answers_close = False  # the other thread is writing
    client.opened()
    client.sent = [f"push-{number}" for number in range(PUSHES)]
    pushing = threading.Thread(target=_push, args=(client,))
    pushing.start()
    pump([client], PATIENCE, lambda: len(client.texts) >= PUSHES // 5)
    stage.fault(f"SIGTERM to the master, after {len(client.texts)} answers")
    server.signal(stage.TERM)
    pump([client], PATIENCE, lambda: client.code is not None)
    client.send(frame(CLOSE, b""))
    pushing.join(PATIENCE)
    stage.wait_over([client])
    server.ended()
    stage.expect_saw([client], "close 1012")
    handled = sum(stage.ledger.entries(HANDLED).values())
    answered = len(client.texts)
    stage.measure("handled", handled)
    stage.measure("answered", answered)
    stage.expect(0 <= handled - answered <= WINDOW, f"handled {handled}, answered {answered}")
    stage.expect(client.texts == client.sent[:answered], "the answers are in order, without holes")
    stage.expect(client.late == 0, "no answer comes after the Close frame")


def _push(client: WebSocket) -> None:
    """Send all of it, as far as the server takes it."""
    try:
        for text in client.sent:
            if client.code is not None:
                return
            client.sock.sendall(frame(TEXT, text.encode()))
    except OSError:
        return


@drill("G14", bound=5.0)
def term_broadcast(stage: AppStage) -> None:
    """SIGTERM within a burst of broadcasts: each subscriber sees a prefix of it, then 1012."""
    stage.points.held.add("mid_burst")
    server = stage.serve()
    clients = stage.websockets(server, 30, path="/burst/websocket", label="subscriber")
    publisher = stage.websocket(server, "/burst/websocket", label="publisher", id="p")
    publisher.opened()
    publisher.text("burst 2000")
    reading = [*clients, publisher]
    stage.expect(_at_mid_burst(stage, reading), "the publisher is in the middle of its burst")
    stage.fault("SIGTERM to the master, mid_burst")
    server.signal(stage.TERM)
    server.wait_note("STOPPING=1")
    stage.points.release("mid_burst")
    stage.wait_over(reading)
    server.ended()
    stage.expect_saw(reading, "close 1012")
    wanted = [f"p {number}" for number in range(2000)]
    whole = [client.texts == wanted[: len(client.texts)] for client in clients]
    stage.expect(all(whole), f"{sum(whole)} of {len(whole)} subscribers see a prefix")


def _at_mid_burst(stage: AppStage, reading: list[WebSocket]) -> bool:
    return pump(reading, PATIENCE, lambda: bool(stage.points.at("mid_burst")))
