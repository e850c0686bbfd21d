"""Drills: the endpoint's tree: what starts when, and what becomes of a part that cannot be kept."""

from __future__ import annotations

import signal

from supervision.drills.connection import Connection
from supervision.drills.drill import drill
from tests.drills.stage import AppStage

PARTS = ["child", "pool", "drainer", "watcher"]
"""In the order in which they start."""


@drill("G34", bound=3.0, tracebacks=True)
def supervisor_escalation(stage: AppStage) -> None:
    """A pool's child crashes too often: pool and endpoint give up, another worker takes over."""
    server = stage.serve(workers=1, options={"crashing": True})
    worker = server.workers[0]
    client = stage.websocket(server, "/crashing/websocket")
    client.opened()
    stage.fault("the child of a pool crashes whenever it starts")
    client.text("go")
    stage.wait_over([client])
    server.wait_line(rf"pid {worker}\) ended with status 1")
    server.wait_workers(lambda pids: bool(pids) and worker not in pids, "a new worker")
    fresh = stage.websocket(server, label="afterwards")
    stage.expect(fresh.opened(), "the new worker accepts")
    stage.settled()
    for words in (
        r"reached_max_restart_intensity.*mortal|mortal.*reached_max_restart_intensity",
        r"family",
        r"the endpoint gave up: .*family",
    ):
        stage.expect(server.find(words), f"the log says why: {words.split('|')[0]}")
    server.signal(signal.SIGTERM)
    stage.wait_over([fresh])


@drill("G35", bound=2.0)
def start_order(stage: AppStage) -> None:
    """Parts of the tree stop in the exact reverse of their start; no client is accepted by then."""
    server = stage.serve(workers=1, options={"trace": True})
    stage.points.held.add("stop")
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    for count in range(1, len(PARTS) + 1):
        part = stage.points.wait("stop", count)[-1]["part"]
        late = Connection(server.address)
        stage.note("client", f"while {part} stops, a connect is {late.end or 'accepted'}")
        if part != "watcher":
            stage.expect(late.end == "refused", f"while {part} stops, nobody is accepted")
        late.close()
        stage.points.release_one("stop")
    server.ended()
    starts = [fact["part"] for fact in stage.points.at("start")]
    stops = [fact["part"] for fact in stage.points.at("stop")]
    stage.expect(starts == PARTS, f"they start as {PARTS}: {starts}")
    stage.expect(stops == PARTS[::-1], f"they stop in reverse: {stops}")
