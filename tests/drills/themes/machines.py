"""Drills: two machines, and the Redis between them."""

from __future__ import annotations

import time

from supervision.drills.clients import WebSocket
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.workers import everywhere
from tests.drills.stage import AppStage
from tests.support.redis_server import RedisServer

PATH = "/burst/websocket"
COUNT = 200


@drill("G29", bound=15.0)
def redis(stage: AppStage) -> None:
    """Redis ends, stalls and flaps: each machine serves its own, and both are linked anew."""
    with RedisServer() as server:
        machines = [stage.serve("--redis", server.url, workers=2) for _ in range(2)]
        for each in machines:
            _wait(each, "linked", 2)
        clients = [everywhere(stage, each, PATH) for each in machines]
        _burst(stage, machines[0], "before", clients)
        stage.fault("SIGKILL to redis-server")
        server.kill()
        for each, mine in zip(machines, clients, strict=True):
            _burst(stage, each, f"alone-{machines.index(each)}", [mine])
        server.start()
        for each in machines:
            _wait(each, "linked again", 2)
        _burst(stage, machines[1], "back", clients)
        stage.note("drill", "SIGSTOP to redis-server, for a second")
        server.stop()
        _burst(stage, machines[0], "stalled", clients[:1])
        time.sleep(1.0)
        server.go_on()
        _hear(stage, "stalled", clients[1])
        before = [len(_lines(each)) for each in machines]
        began = time.monotonic()
        for _ in range(20):
            server.ask("CLIENT", "KILL", "TYPE", "pubsub")
            time.sleep(0.05)
        _burst(stage, machines[0], "flapping", clients[:1])
        for each in machines:
            _wait(each, "linked again", 4)
        seconds = time.monotonic() - began
        more = [len(_lines(each)) - so_far for each, so_far in zip(machines, before, strict=True)]
        most = 2 * (seconds + 2)  # a line a second of each worker
        stage.expect(max(more) <= most, f"20 flaps cost at most {most:.0f} lines: {more}")
        _burst(stage, machines[1], "after", clients)
        stage.settled()


def _burst(stage: AppStage, server: DrillServer, name: str, clients: list[list[WebSocket]]) -> None:
    """Have a client of ``server`` broadcast; each of ``clients`` must hear all of it, in order."""
    publisher = stage.websocket(server, PATH, label="publisher", id=name)
    publisher.opened()
    publisher.text(f"burst {COUNT}")
    _hear(stage, name, [client for each in clients for client in each])
    publisher.leave()


def _hear(stage: AppStage, name: str, clients: list[WebSocket]) -> None:
    wanted = [f"{name} {number}" for number in range(COUNT)]
    pump(clients, PATIENCE, lambda: all(wanted[-1] in each.texts for each in clients))
    whole = [[t for t in each.texts if t.startswith(f"{name} ")] == wanted for each in clients]
    stage.expect(all(whole), f"{sum(whole)} of {len(whole)} hear burst {name!r} whole, in order")


def _lines(server: DrillServer) -> list[str]:
    return [line for line in server.log.splitlines() if "unix://" in line]


def _wait(server: DrillServer, words: str, count: int) -> None:
    until = time.monotonic() + PATIENCE
    while sum(words in line for line in _lines(server)) < count:
        if time.monotonic() > until:
            raise TimeoutError(f"{words!r} is not said {count} times: {_lines(server)}")
        time.sleep(0.01)
