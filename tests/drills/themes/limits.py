"""Drills: the machine has no more of something: descriptors, time."""

from __future__ import annotations

import resource
import time

from supervision.drills import processes
from supervision.drills.clients import WebSocket
from supervision.drills.connection import Connection, pump
from supervision.drills.drill import drill
from supervision.drills.workers import reach
from tests.drills.stage import AppStage

DESCRIPTORS = 64
CONNECTS = 200
WATCHED = 2.0
"""Seconds for which a server without descriptors is watched."""


@drill("G31", bound=10.0)
def emfile(stage: AppStage) -> None:
    """64 descriptors, 200 connects: who is there is served quickly, nothing spins, it heals."""
    server = stage.serve(workers=1)
    worker = server.workers[0]
    clients = stage.websockets(server, 5)
    stage.fault(f"worker {worker} may have {DESCRIPTORS} descriptors, {CONNECTS} clients connect")
    resource.prlimit(worker, resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
    crowd = [Connection(server.address) for _ in range(CONNECTS)]
    stage.note("clients", f"{sum(each.end is None for each in crowd)} of the crowd are connected")
    _watch(stage, clients, worker)
    pump(crowd, 0.1)
    away = sum(each.end is not None for each in crowd)
    stage.expect(away >= CONNECTS - DESCRIPTORS, f"{away} of the crowd were turned away")
    for each in crowd:
        each.close()
    clients += reach(stage, server, worker)[-1:]
    server.signal(stage.TERM)
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1012")


def _watch(stage: AppStage, clients: list[WebSocket], worker: int) -> None:
    """Check how quickly clients are answered meanwhile, and what that costs."""
    before, began = processes.cpu_seconds(worker), time.monotonic()
    times: list[float] = []
    answered = 0
    while (now := time.monotonic()) < began + WATCHED:
        client = clients[len(times) % len(clients)]
        answered += client.echo(f"message-{len(times)}")
        times.append(time.monotonic() - now)
        pump(clients, 0.02)
    used = (processes.cpu_seconds(worker) - before) / (time.monotonic() - began)
    stage.expect(answered == len(times), f"{answered} of {len(times)} echoes come")
    times.sort()
    stage.within(times[int(len(times) * 0.99)], 0.05, "echo p99 of those connected")
    stage.measure("part of a processor", used)
    stage.expect(used < 0.2, f"it uses less than 20 % of a processor: {used:.1%}")


@drill("G41", bound=1.0, status=2)
def budget(stage: AppStage) -> None:
    """Drain and server ask for more than grace: the boot is refused, with the arithmetic."""
    stage.fault("drain 5 s and server 5 s with --grace 8")
    options = {"drainer": {"shutdown": 5.0}, "endpoint": {"server_shutdown": 5.0}}
    server = stage.serve(options=options, wait=False)
    server.ended()
    told = r"drain 5 s \+ connections 5 s \+ last words 0.8 s = 10.8 s, more than grace=8"
    stage.expect(server.find(told), "the message has the sum")
