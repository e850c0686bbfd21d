"""Drills: what the server counts, and what its clients have counted."""

from __future__ import annotations

import signal
import time
from typing import Final

from supervision.drills.counting import (
    BYTES_OUT,
    CLOSED,
    MISSED,
    OPENED,
    CountingLoad,
    at_risk,
    counted,
    scraped,
)
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.stage import Stage
from supervision.drills.sums import rising, total
from supervision.drills.workers import without

BEAT: Final = 1.0
"""Seconds between two beats of a worker, in which it tells what it has counted."""

UNREAD: Final = 1024
"""Bytes that a client whose worker was killed had not read, or not seen as the connection broke."""

RELOADS: Final = 2
KILLS: Final = 2
ENOUGH: Final = 200
"""Pings between two faults."""


@drill("G60", bound=30.0, needs=("websocket",))
def metrics_over_deaths(stage: Stage) -> None:
    """Reloads and kills under load: sums never fall, and miss at most a beat for each kill."""
    server = stage.serve("--ops", "127.0.0.1:0", workers=2)
    found = server.wait_line(r"health and metrics at http://(\S+):(\d+)")
    ops = (found[1], int(found[2]))
    with CountingLoad(stage, server, ops) as orderly:
        for _ in range(RELOADS):
            orderly.wait(ENOUGH)
            old = server.workers
            stage.fault("SIGHUP to the master")
            server.signal(signal.SIGHUP)
            server.wait_workers(without(*old, left=2), "all workers are new")
        orderly.wait(ENOUGH)
    orderly.judge()
    cut = [client.saw for client in orderly.clients if client.cut]
    stage.expect(not cut, f"no client is cut off by a reload: {cut[:3]}")
    _exact(stage, ops, orderly)
    moments = []
    with CountingLoad(stage, server, ops) as killed:
        for number in range(KILLS):
            killed.wait(ENOUGH)
            moments.append(_kill(stage, server))
            _wait_sum(ops, MISSED, number + 1)
        killed.wait(ENOUGH)
    killed.judge()
    _nearly(stage, ops, orderly, killed, moments)
    stage.settled()


def _kill(stage: Stage, server: DrillServer) -> float:
    """Kill a worker, and wait for another; return when that was."""
    old = server.workers
    stage.fault(f"SIGKILL to worker {old[0]}")
    moment = time.monotonic()
    server.signal(signal.SIGKILL, old[0])
    server.wait_workers(without(old[0], left=2), "a new worker")
    return moment


def _wait_sum(ops: tuple[str, int], name: str, wanted: float) -> float:
    """Wait until a sum is at least what is wanted, or patience is over; return it."""
    until = time.monotonic() + PATIENCE
    while (found := total(rising(scraped(ops)), name)) < wanted and time.monotonic() < until:
        time.sleep(0.05)
    return found


def _exact(stage: Stage, ops: tuple[str, int], load: CountingLoad) -> None:
    """Check that sums are what clients have counted, as all workers ended in order."""
    mine = counted(load.clients)
    for name, wanted in (*mine.items(), (CLOSED, mine[OPENED])):
        sum_ = _wait_sum(ops, name, wanted)
        stage.expect(sum_ == wanted, f"{name} is {sum_:.0f}, and clients have counted {wanted}")
    missed = total(rising(scraped(ops)), MISSED)
    stage.expect(missed == 0, f"no beat is missing after reloads: {missed:.0f}")


def _nearly(
    stage: Stage,
    ops: tuple[str, int],
    orderly: CountingLoad,
    killed: CountingLoad,
    moments: list[float],
) -> None:
    """Check that sums are short by no more than a beat for each worker that was killed."""
    mine = counted([*orderly.clients, *killed.clients])
    risk = at_risk(killed.clients, moments, BEAT * stage.slack)
    cut = sum(client.cut for client in killed.clients)
    for name, more in ((OPENED, cut), (BYTES_OUT, cut * UNREAD)):
        least = mine[name] - risk[name]
        sum_ = _wait_sum(ops, name, least)
        told = f"{name} is {sum_:.0f} of {mine[name]}, of which {risk[name]} are at risk"
        stage.expect(least <= sum_ <= mine[name] + more, told)
    missed = total(rising(scraped(ops)), MISSED)
    stage.expect(missed == KILLS, f"{KILLS} workers' last beats are missing: {missed:.0f}")
