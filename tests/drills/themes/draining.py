"""Drills: an orderly end, with drainers of all kinds."""

from __future__ import annotations

from supervision.drills.drill import drill
from supervision.drills.themes import draining
from tests.drills.ledger import ENDED
from tests.drills.stage import AppStage


@drill("G02", bound=3.0, needs=("websocket",))
def drain_500(stage: AppStage) -> None:
    """500 WebSockets, SIGTERM: each is closed with 1012 and no reason, each socket terminates."""
    draining.drain_500.run(stage)
    ends = stage.ledger.entries(ENDED)
    total = ends[" Shutdown(detail='restart')"]
    stage.expect(total == 500, f"500 sockets terminate with Shutdown('restart'): {ends}")


@drill("G06", bound=2.0)
def drain_false(stage: AppStage) -> None:
    """A mount with drainer=False: nobody is told 1012, the end of the server says 1001."""
    server = stage.serve(options={"drainer": False})
    clients = stage.websockets(server, 50)
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1001")


@drill("G07", bound=2.0, status=None)
def drainer_mfa(stage: AppStage) -> None:
    """The drainer's options come from a function, which is heeded; one that fails: status 2."""
    server = stage.serve(workers=1, options={"drainer": "function"})
    clients = stage.websockets(server, 10)
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    stage.wait_over(clients)
    stage.expect(server.ended() == 0, "exit status 0")
    times = sorted(each.closed_at for each in clients)
    gap = times[5] - times[4]
    stage.expect(
        0.25 <= gap <= 0.4 + 0.4 * stage.slack, f"two batches of 5, 0.4 s apart: {gap:.2f} s"
    )
    failing = stage.serve(options={"drainer": "raises"}, wait=False)
    status = failing.ended()
    stage.expect(status == 2, f"a function that fails: exit status 2, not {status}")
    named = failing.find(r"drainer=raising failed: RuntimeError: no drainer")
    stage.expect(named, "the message names it")
