"""Drills: everybody comes back at once, as clients do that wait 10 ms and know no jitter."""

from __future__ import annotations

import signal
import time
from collections import Counter

from supervision.drills.clients import WebSocket
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.stage import Stage
from supervision.drills.workers import without

RETURN = 0.01
"""Seconds after which phoenix.js connects again for the first time."""


@drill("G20", bound=5.0, needs=("websocket",))
def returners(stage: Stage) -> None:
    """Drained clients come back 10 ms later, to the same server: all are told, none sees 1006."""
    drained_and_back(stage, stage.serve())


def drained_and_back(stage: Stage, server: DrillServer, how: str = "as it is") -> None:
    """Drain a server, and have its clients come back to it."""
    clients = stage.websockets(server, 200)
    stage.fault(f"SIGTERM to the master, {how}")
    server.signal(stage.TERM)
    back = returning(stage, server, clients)
    pump(back, PATIENCE)
    server.ended()
    stage.expect_saw(clients, "close 1012")
    seen = Counter(each.saw for each in back)
    stage.measure(f"returners accepted, {how}", sum(each.accepted for each in back))
    fine = {"refused", "close 1012", "close 1001"}
    stage.expect(set(seen) <= fine, f"returners see no 1006: {dict(seen)}")


def returning(stage: Stage, server: DrillServer, clients: list[WebSocket]) -> list[WebSocket]:
    """Connect anew for each client that has been told to leave, 10 ms after it was."""
    waiting = list(clients)
    back: list[WebSocket] = []
    until = time.monotonic() + PATIENCE
    while waiting and time.monotonic() < until:
        pump([*waiting, *back], RETURN / 2, lambda: False)
        due = time.monotonic() - RETURN
        for client in [each for each in waiting if each.code is not None and each.closed_at < due]:
            waiting.remove(client)
            back.append(stage.websocket(server, label="returner"))
    stage.expect(not waiting, "every client was told to leave")
    pump(back, PATIENCE, lambda: all(each.answers or each.end for each in back))
    return back


@drill("G40", bound=20.0, needs=("websocket",))
def herd_2000(stage: Stage) -> None:
    """2000 clients are drained and come back to a sibling: none is refused, no heartbeat missed."""
    server = stage.serve("--heartbeat-timeout", "2", workers=1)
    clients = stage.websockets(server, stage.many(2000, each=2))
    old = server.workers
    stage.fault("SIGHUP to the master: a sibling starts, then the old worker drains")
    server.signal(signal.SIGHUP)
    back = returning(stage, server, clients)
    accepted = sum(each.accepted for each in back)
    stage.expect_saw(clients, "close 1012")
    refused = Counter(each.saw for each in back if not each.accepted)
    stage.expect(
        accepted == len(clients), f"{accepted} of {len(clients)} are accepted again: {refused}"
    )
    times = sorted(each.opened_in for each in back) or [PATIENCE]
    stage.within(times[int(len(times) * 0.99)], 1.0, "connect p99 of those who return")
    server.wait_workers(without(*old), "the old worker ends")
    stage.settled()
    stage.expect("sign of life" not in server.log, "no heartbeat was missed")
    server.signal(stage.TERM)
    stage.wait_over(back)


@drill("G48", bound=12.0, needs=("websocket",))
def hup_once(stage: Stage) -> None:
    """SIGHUP to four workers: who leaves an old one lands on a new one, and is not told again."""
    server = stage.serve(workers=4)
    clients = stage.websockets(server, 80)
    old = server.workers
    stage.fault("SIGHUP to the master")
    server.signal(signal.SIGHUP)
    back = returning(stage, server, clients)
    server.wait_workers(without(*old, left=len(old)), "all workers are new")
    stage.settled()
    stage.expect_saw(clients, "close 1012")
    refused = Counter(each.saw for each in back if not each.accepted)
    stage.expect(not refused, f"none of those who return is refused: {dict(refused)}")
    again = sum(not each.alive() for each in back)
    stage.within(1 + again / len(back), 1.05, "disconnects of a client")
