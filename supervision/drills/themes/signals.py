"""Drills: signals, one after the other, at the wrong moment, or to everybody."""

from __future__ import annotations

import signal
from pathlib import Path

from supervision.drills.drill import drill
from supervision.drills.stage import Stage, free_address
from supervision.drills.workers import reach, split, without


@drill("G36", bound=3.0, needs=("websocket",))
def ctrl_c(stage: Stage) -> None:
    """SIGINT to the whole process group: one orderly drain, status 0, no KeyboardInterrupt."""
    server = stage.serve()
    clients = stage.websockets(server, 50)
    stage.fault("SIGINT to the process group")
    server.interrupt_group()
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1012")
    stage.expect("KeyboardInterrupt" not in server.log, "no KeyboardInterrupt is in the log")


@drill("G23", bound=5.0, needs=("websocket",))
def ttin_ttou(stage: Stage) -> None:
    """TTIN adds a worker, TTOU retires one with 1012; the last one stays."""
    server = stage.serve(workers=2)
    stage.fault("SIGTTIN to the master")
    server.signal(signal.SIGTTIN)
    workers = server.wait_workers(lambda pids: len(pids) == 3, "one more worker")
    clients = reach(stage, server, workers[-1])
    by_worker = split(server, clients)
    for retired in reversed(workers[1:]):
        server.signal(signal.SIGTTOU)
        stage.wait_over(by_worker[retired])
        server.wait_workers(without(retired), f"worker {retired} ends")
    for _ in range(3):
        server.signal(signal.SIGTTOU)
    server.wait_line("one worker is the least")
    last = workers[0]
    stage.expect(server.workers == [last], "the last worker stays")
    stage.expect_saw(by_worker[workers[1]] + by_worker[workers[2]], "close 1012")
    stage.expect(all(client.alive() for client in by_worker[last]), "its clients stay connected")
    stage.settled()


@drill("G43", bound=2.0, needs=("websocket",))
def usr1(stage: Stage) -> None:
    """USR1: a log that was moved away is opened anew, every worker prints its stacks, all live."""
    log = Path(stage.directory) / "log"
    server = stage.serve("--log-file", str(log), bind=free_address())
    clients = stage.websockets(server, 20)
    rotated = log.rename(log.with_name("log.1"))
    stage.fault("SIGUSR1 to the master")
    server.signal(signal.SIGUSR1)
    for pid in server.workers:
        server.wait_line(f"stacks of process {pid}:")
    stage.expect(all(client.alive() for client in clients), "every client is still connected")
    stage.expect(log.exists(), "there is a new log file")
    stage.expect(log.stat().st_ino != rotated.stat().st_ino, "with an inode of its own")
    stage.settled()
    server.signal(stage.TERM)
    stage.expect(server.ended() == 0, "exit status 0")
    stage.expect("SIGTERM" in log.read_text(), "the new file is written to")
    stage.expect("SIGTERM" not in rotated.read_text(), "and the old one is not")
