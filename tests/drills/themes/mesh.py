"""Drills: the bus between workers, when one of them is gone."""

from __future__ import annotations

import signal

from supervision.drills.clients import WebSocket
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE
from supervision.drills.workers import everywhere, reach, split
from tests.drills.stage import AppStage

PATH = "/burst/websocket"


@drill("G28", bound=2.0)
def hub_kill(stage: AppStage) -> None:
    """A worker is killed within its burst: the others lose nothing of their own, and link anew."""
    stage.points.held.add("mid_burst")
    server = stage.serve(workers=3)
    clients = everywhere(stage, server, PATH)
    publisher = stage.websocket(server, PATH, label="publisher", id="lost")
    publisher.opened()
    doomed = server.owner(publisher)
    publisher.text("burst 1000")
    everybody = [*clients, publisher]
    pump(everybody, PATIENCE, lambda: bool(stage.points.at("mid_burst")))
    by_worker, before = split(server, clients), server.workers
    stage.fault(f"SIGKILL to worker {doomed}, mid_burst")
    server.signal(signal.SIGKILL, doomed)
    stage.points.release("mid_burst")
    survivors = [each for pid, found in by_worker.items() if pid != doomed for each in found]
    _burst(stage, survivors, "local", 200)
    new = server.wait_workers(lambda pids: bool(set(pids) - set(before)), "a new worker")
    joined = reach(stage, server, (set(new) - set(before)).pop(), path=PATH)[-1]
    _burst(stage, [*survivors, joined], "again", 200)
    stage.settled()
    stage.wait_over([publisher])
    stage.expect_saw([publisher], "eof", "reset")
    _judge(stage, survivors)
    lost = {line.split()[0] for line in stage.ledger.entries("link")}
    others = {str(pid) for pid in before if pid != doomed}
    stage.expect(others <= lost, f"each of the others reports the lost link: {sorted(lost)}")


def _burst(stage: AppStage, clients: list[WebSocket], name: str, count: int) -> None:
    """Have the first client's worker broadcast; every client must hear all of it, in order."""
    wanted = [f"{name} {number}" for number in range(count)]
    publisher = stage.websocket(stage.servers[0], PATH, label="publisher", id=name)
    publisher.opened()
    publisher.text(f"burst {count}")
    reading = [*clients, publisher]
    last = wanted[-1]
    pump(reading, PATIENCE, lambda: all(last in each.texts[-2:] for each in reading))
    whole = [_of(name, each) == wanted for each in clients]
    stage.expect(all(whole), f"{sum(whole)} of {len(whole)} subscribers hear burst {name!r} whole")


def _judge(stage: AppStage, clients: list[WebSocket]) -> None:
    """Check what came of the burst that was cut off: a prefix, nothing twice."""
    wanted = [f"lost {number}" for number in range(1000)]
    heard = [_of("lost", each) for each in clients]
    whole = [found == wanted[: len(found)] for found in heard]
    stage.expect(all(whole), f"{sum(whole)} of {len(whole)} hear a prefix of the burst cut off")


def _of(name: str, client: WebSocket) -> list[str]:
    return [text for text in client.texts if text.startswith(f"{name} ")]
