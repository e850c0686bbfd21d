"""Drills: more broadcasts at once than a mailbox may hold."""

from __future__ import annotations

from supervision.drills.clients import WebSocket
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.wire import TEXT, frame
from supervision.drills.workers import everywhere
from tests.drills.stage import AppStage

PATH = "/burst/websocket"
COUNTS = (5_000, 20_000)


@drill("G45", bound=20.0)
def broadcast_bursts(stage: AppStage) -> None:
    """Bursts of 5,000 and 20,000 broadcasts reach every subscriber in 3 workers whole, in order."""
    server = stage.serve(workers=3)
    clients = everywhere(stage, server, PATH)
    stage.fault("bursts, in one callback each and as messages of one client")
    _bursts(stage, server, clients)


@drill("G46", bound=15.0)
def broadcast_bursts_one_worker(stage: AppStage) -> None:
    """The same bursts reach every subscriber where there is one worker."""
    server = stage.serve(workers=1)
    clients = stage.websockets(server, 5, path=PATH, label="subscriber")
    stage.fault("bursts, in one callback each and as messages of one client")
    _bursts(stage, server, clients)


def _bursts(stage: AppStage, server: DrillServer, clients: list[WebSocket]) -> None:
    publisher = stage.websocket(server, PATH, label="publisher", id="p")
    publisher.opened()
    everybody = [*clients, publisher]
    for count in COUNTS:
        _expect(stage, everybody, count, f"flood {count}".encode(), "in one callback")
        # Each message is ten bytes, as is what it has the server broadcast.
        sent = (frame(TEXT, b"say %6d" % number) for number in range(count))
        _expect(stage, everybody, count, b"".join(sent), "sent by a client", framed=True)
    stage.settled()
    stage.expect(all(each.code is None for each in everybody), "nobody is closed")
    stage.stop(server)
    stage.wait_over(everybody)


def _expect(
    stage: AppStage,
    everybody: list[WebSocket],
    count: int,
    data: bytes,
    how: str,
    *,
    framed: bool = False,
) -> None:
    """Have the last client burst, and check that all hear ``count`` numbers."""
    for each in everybody:
        each.texts.clear()
    everybody[-1].send(data if framed else frame(TEXT, data))
    pump(
        everybody, PATIENCE, lambda: all(len(each.texts) >= count or each.end for each in everybody)
    )
    wanted = [f"{number:10}" for number in range(count)]
    whole = sum(each.texts == wanted for each in everybody)
    stage.expect(whole == len(everybody), f"{whole} of {len(everybody)} hear {count} {how}")
