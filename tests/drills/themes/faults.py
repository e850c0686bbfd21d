"""Drills: an application's callbacks raise whatever there is to raise."""

from __future__ import annotations

from supervision.drills.clients import LongPoll
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.wire import PING, frame
from tests.drills.stage import AppStage

ERRORS = (
    "ValueError", "StopIteration", "RecursionError", "MemoryError", "SystemExit",
    "KeyboardInterrupt", "GeneratorExit", "GreenletExit", "Timeout", "BaseException",
)  # fmt: skip
WEBSOCKET = {
    "connect": "HTTP 500",
    "init": "close 1011",
    "handle_in": "close 1011",
    "handle_control": "close 1011",
    "handle_info": "close 1011",
    "terminate": "left",
}
"""What a WebSocket client sees of a callback that raises."""

LONGPOLL = {
    "connect": "HTTP 500",
    "init": "HTTP 500",
    "handle_in": "POST 408",
    "handle_info": "POST 200, lost",
    "terminate": "POST 200",
}
"""What a long-poll client sees."""


@drill("G33", bound=20.0, tracebacks=True)
def callback_matrix(stage: AppStage) -> None:
    """Every callback raises every kind of exception: one connection ends, and nothing else does."""
    server = stage.serve()
    workers = server.workers
    neighbours = stage.websockets(server, 10, label="neighbour")
    stage.fault(f"{len(ERRORS)} exceptions in each callback, over both transports")
    for callback, wanted in WEBSOCKET.items():
        seen = {error: _by_websocket(stage, server, callback, error) for error in ERRORS}
        _judge(stage, f"WebSocket, {callback}", wanted, seen)
    for callback, wanted in LONGPOLL.items():
        seen = {error: _by_longpoll(server, callback, error) for error in ERRORS}
        _judge(stage, f"long poll, {callback}", wanted, seen)
    echoed = [each.echo(f"neighbour-{place}") for place, each in enumerate(neighbours)]
    stage.expect(all(echoed), "every neighbour is still served")
    stage.expect(server.workers == workers, "every worker is the one it was")
    cases = len(ERRORS) * (len(WEBSOCKET) + len(LONGPOLL) - 1)  # long polls do not end yet
    logged = server.log.count(" ERROR ")
    stage.expect(logged == cases, f"one line of the log for each of {cases}: {logged}")


def _judge(stage: AppStage, what: str, wanted: str, seen: dict[str, str]) -> None:
    odd = {error: saw for error, saw in seen.items() if saw != wanted}
    stage.expect(not odd, f"{what}: {len(seen)} times {wanted}{f', but {odd}' if odd else ''}")


def _by_websocket(stage: AppStage, server: DrillServer, callback: str, error: str) -> str:
    client = stage.websocket(
        server, "/faulty/websocket", label=f"in {callback}", at=callback, error=error
    )
    client.opened()
    if callback == "handle_control":
        client.send(frame(PING, b"?"))
    elif callback == "terminate":
        client.leave()
    elif client.accepted:
        client.text("go")
    pump([client], PATIENCE)
    return client.saw


def _by_longpoll(server: DrillServer, callback: str, error: str) -> str:
    target = f"/faulty/longpoll?at={callback}&error={error}"
    client = LongPoll(server.address, target)
    client.open()
    if client.line.answers[0].status != 200:
        seen = f"HTTP {client.line.answers[0].status}"
    else:
        client.post("go")
        seen = f"POST {client.posted()}"
        if callback == "handle_info":
            client.poll()
            status = client.answered()
            seen += ", lost" if status in (204, 500) else f", poll {status}"
    client.close()
    return seen
