"""Drills: connections are told to leave in batches."""

from __future__ import annotations

from typing import Any

from supervision.drills.drill import drill
from tests.drills.stage import AppStage

INTERVAL = 0.5


def drained(stage: AppStage, count: int, size: int) -> list[Any]:
    """Drain ``count`` clients of one worker in batches; return them by the time of their close."""
    drainer = {"batch_size": size, "batch_interval": INTERVAL}
    server = stage.serve(workers=1, options={"drainer": drainer})
    clients = stage.websockets(server, count)
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1012")
    return sorted(clients, key=lambda each: each.closed_at)


@drill("G03", bound=4.0)
def drain_batches(stage: AppStage) -> None:
    """300 WebSockets in batches of 100: three clusters 0.5 s apart, 4 rounds, a pause at last."""
    clients = drained(stage, 300, 100)
    for first in (100, 200):
        gap = clients[first].closed_at - clients[first - 1].closed_at
        told = f"a gap of 0.5 s +- 0.15 s x {stage.slack:g}: {gap:.3f} s"
        stage.expect(abs(gap - INTERVAL) <= 0.15 * stage.slack, told)
    log = stage.servers[0].log
    rounds = [f"round {index} of 4" in log for index in (1, 2, 3)]
    stage.expect(all(rounds), "the log says: round 1, 2 and 3 of 4")
    trailing(stage, clients[-1].closed_at)


@drill("G04", bound=INTERVAL + 1.0)
def drain_exact(stage: AppStage) -> None:
    """As many WebSockets as a batch has: one pause follows, as in Phoenix."""
    clients = drained(stage, 50, 50)
    trailing(stage, clients[-1].closed_at)


def trailing(stage: AppStage, last: float) -> None:
    """Check that the server has paused once more behind the last batch."""
    pause = stage.servers[0].ended_at - last
    stage.expect(
        INTERVAL / 2 <= pause <= INTERVAL + 0.5 * stage.slack, f"a last pause: {pause:.3f} s"
    )
