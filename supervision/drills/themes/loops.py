"""Loops: what one drill shows once, often enough for a percentile. They run by name alone."""

from __future__ import annotations

import signal
import time

from supervision.drills.drill import drill
from supervision.drills.load import TrafficLoad
from supervision.drills.stage import Stage
from supervision.drills.themes.replacing import replaced
from supervision.drills.workers import without

RELOADS = 100
KILLS = 20
SOCKETS = 10_000
APART = 1.4
"""Seconds between two kills: four within five are all that a master of two workers puts up with."""


@drill("L1", bound=900.0, loop=True, needs=("websocket",))
def reload_100(stage: Stage) -> None:
    """100 rolling reloads under load: 0 refused, 0 reset."""
    server = stage.serve()
    with TrafficLoad(stage, server) as load:
        load.wait(10)
        stage.fault(f"SIGHUP to the master, {RELOADS} times")
        began = time.monotonic()
        for _ in range(RELOADS):
            old = server.workers
            server.signal(signal.SIGHUP)
            server.wait_workers(without(*old, left=len(old)), "all workers are new")
        stage.measure("seconds for a reload", (time.monotonic() - began) / RELOADS)
    load.judge()


@drill("L2", bound=120.0, loop=True, needs=("websocket",))
def kill9_p99(stage: Stage) -> None:
    """20 workers are killed, one after the other: the next accepts within 1 s at p99."""
    server = stage.serve(workers=2)
    times = []
    for _ in range(KILLS):
        began = time.monotonic()
        clients = stage.websockets(server, 10)
        times.append(replaced(stage, server, clients, server.owner(clients[0])))
        for client in stage.clients:
            client.close()
        time.sleep(max(0.0, began + APART - time.monotonic()))
    times.sort()
    stage.measure("accepting again p50", times[len(times) // 2])
    stage.within(times[-1], 1.0, "accepting again p99")


@drill("L3", bound=60.0, loop=True, needs=("websocket",))
def drain_10k(stage: Stage) -> None:
    """10,000 WebSockets of one worker: all are told 1012 within 3 s."""
    server = stage.serve(workers=1, grace=25.0)
    clients = stage.websockets(server, stage.many(SOCKETS))
    stage.fault("SIGTERM to the master")
    began = time.monotonic()
    server.signal(stage.TERM)
    stage.wait_over(clients)
    stage.within(max(client.closed_at for client in clients) - began, 3.0, "the last is told")
    server.ended()
    stage.measure("the process ends", server.ended_at - began)
    stage.expect_saw(clients, "close 1012")
