"""Drills: workers that are replaced, by what the application has become or cannot become."""

from __future__ import annotations

import signal
import time

from supervision.drills.drill import drill
from supervision.drills.load import TrafficLoad
from supervision.drills.themes import replacing
from supervision.drills.workers import reach, without
from tests.drills.requests import Requests
from tests.drills.stage import AppStage

INTENSITY = 4
"""Restarts that a master of two workers allows within five seconds."""


@drill("G21", bound=6.0, needs=("websocket",))
def hup_reload(stage: AppStage) -> None:
    """SIGHUP under load: worker after worker is replaced, none is refused, old clients get 1012."""
    version = stage.directory / "version"
    version.write_text("old")
    server = stage.serve(options={"version": str(version)})
    version.write_text("new")
    replacing.reload(stage, server)
    answer = stage.ask(server, "version")
    stage.expect(answer == {"version": "new"}, f"what serves now is new: {answer}")


@drill("G25", bound=5.0, status=3)
def worker_segv_loop(stage: AppStage) -> None:
    """Workers end with status 1 while they boot: after some restarts the master gives up with 3."""
    server = stage.serve(options={"boot": "exit"}, wait=False)
    stage.fault("every worker exits while it imports the application")
    server.ended()
    starts = server.log.count("ended with status 1")
    stage.expect(2 <= starts <= INTENSITY + 1, f"at most {INTENSITY + 1} starts: {starts}")
    stage.expect(server.find("giving up"), "the log says that it gives up")


@drill("G44", bound=15.0)
def hup_requests(stage: AppStage) -> None:
    """SIGHUP while clients send POSTs on connections that they keep: each is answered."""
    server = stage.serve()
    with Requests(stage, server) as requests:
        requests.wait(100)
        stage.fault("SIGHUP to the master")
        for _ in range(2):
            old = server.workers
            server.signal(signal.SIGHUP)
            server.wait_workers(without(*old, left=len(old)), "all workers are new")
        requests.wait(100)
        stage.settled()
    requests.judge()


@drill("G47", bound=6.0)
def hup_called_off(stage: AppStage) -> None:
    """SIGHUP, and the second new worker does not boot: old ones accept again, nobody is refused."""
    broken = stage.directory / "broken"
    server = stage.serve(options={"boot": str(broken)}, workers=3)
    old = server.workers
    with TrafficLoad(stage, server) as load:
        load.wait(10)
        stage.fault("SIGHUP to the master, and the next but one worker cannot be started")
        server.signal(signal.SIGHUP)
        server.wait_workers(
            lambda pids: len(set(pids) - set(old)) == 2, "a second new worker boots"
        )
        broken.touch()
        server.wait_line("the reload is off")
        began = time.monotonic()
        for worker in old[1:]:
            reach(stage, server, worker)
        stage.within(time.monotonic() - began, 1.0, "old workers accept again")
        load.wait(10)
        stage.settled()
    stage.expect(set(old[1:]) < set(server.workers), "the old workers serve on")
    load.judge()
