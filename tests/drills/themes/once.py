"""Drills: what exists once is there once, and soon again."""

from __future__ import annotations

import os
import signal
import time
from typing import Any

from supervision.drills import processes
from supervision.drills.drill import drill
from supervision.drills.processes import adopting
from supervision.drills.server import DrillServer
from supervision.drills.workers import without
from tests.drills.journal import Journal, Tenure
from tests.drills.stage import AppStage

BACK = 2.0
"""Seconds in which it must be there again."""

APART = 1.2
"""Seconds that one runs before it is killed: who ends within one may have been ended by it."""


def begin(stage: AppStage, *arguments: str, **rest: Any) -> tuple[DrillServer, Journal]:
    """Start a server with what exists once, and wait until that runs."""
    directory = stage.directory / "once"
    directory.mkdir()
    server = stage.serve(*arguments, options={"once": str(directory)}, **rest)
    journal = Journal(directory)
    journal.wait()
    return server, journal


def judge(stage: AppStage, journal: Journal, count: int) -> None:
    """Check that there were never two, and that it moved as often as it had to."""
    tenures, _ = journal.read()
    wrong = journal.wrong()
    told = f": {'; '.join(wrong[:3])}" if wrong else ""
    stage.expect(not wrong, f"{len(tenures)} numbers, never two at once, and growing{told}")
    stage.expect(len(tenures) == count, f"it moved {count - 1} times: {len(tenures) - 1}")


def kill_over_and_over(stage: AppStage, times: int) -> None:
    server, journal = begin(stage, workers=3)
    gaps = []
    for _ in range(times):
        now, before = journal.wait(), server.workers
        stage.fault(f"SIGKILL to worker {now.pid}, which runs what exists once")
        killed = time.monotonic()
        server.signal(signal.SIGKILL, now.pid)
        after = journal.wait(now.number)
        gaps.append(after.begin - killed)
        new = set(server.wait_workers(without(now.pid, left=3), "it is replaced")) - set(before)
        server.wait_line(rf"\(pid {new.pop()}\) is back: 3 of 3 workers are ready")
        time.sleep(max(0.0, after.begin + APART - time.monotonic()))
    stage.settled()
    gaps.sort()
    stage.measure("seconds until it is back, p50", gaps[len(gaps) // 2])
    stage.within(gaps[-1], BACK, "it is back, at most")
    judge(stage, journal, times + 1)


def reload_over_and_over(stage: AppStage, times: int) -> None:
    server, journal = begin(stage, workers=3)
    gaps = []
    for _ in range(times):
        clients = stage.websockets(server, 10)
        now, old = journal.wait(), server.workers
        stage.fault("SIGHUP to the master")
        server.signal(signal.SIGHUP)
        after = journal.wait(now.number)
        gaps.append(after.begin - end_of(journal, now))
        server.wait_workers(without(*old, left=len(old)), "all workers are new")
        stage.wait_over(clients)
        for client in clients:
            client.close()
    stage.settled()
    gaps.sort()
    stage.measure("seconds between the old and the new, p50", gaps[len(gaps) // 2])
    stage.within(gaps[-1], BACK, "it is back, at most")
    tenures, _ = journal.read()
    stage.expect(all(each.ended for each in tenures[:-1]), "each ended in good order")
    judge(stage, journal, times + 1)


def end_of(journal: Journal, tenure: Tenure) -> float:
    """Return when the last act under its number was."""
    return next(each.end for each in journal.read()[0] if each.number == tenure.number)


@drill("G54", bound=15.0)
def once_kill9(stage: AppStage) -> None:
    """The worker with what exists once is killed, 5 times: never two, back within 2 s."""
    kill_over_and_over(stage, 5)


@drill("G55", bound=15.0)
def once_reload(stage: AppStage) -> None:
    """SIGHUP, 2 times: what exists once moves once for each, in good order, and never two."""
    reload_over_and_over(stage, 2)


@drill("G56", bound=4.0)
def once_stop(stage: AppStage) -> None:
    """SIGSTOP to the worker with what exists once: another has it when that is dead, not before."""
    server, journal = begin(stage, "--heartbeat-timeout", "1", workers=2)
    now = journal.wait()
    stage.fault(f"SIGSTOP to worker {now.pid}")
    server.signal(signal.SIGSTOP, now.pid)
    after = journal.wait(now.number)
    stage.expect(processes.state(now.pid) in ("", "Z", "X"), "the stopped one is dead by then")
    stage.expect(after.pid != now.pid, "another process has it")
    stage.settled()
    judge(stage, journal, 2)


@drill("G57", bound=8.0)
def once_usr2(stage: AppStage) -> None:
    """USR2, and TERM to the old master: what exists once stays there, and goes over at the TERM."""
    server, journal = begin(stage)
    now = journal.wait()
    with adopting():
        stage.fault("SIGUSR2 to the master")
        server.signal(signal.SIGUSR2)
        successor = int(server.wait_line(r"started a new master, pid (\d+)")[1])
        server.wait_note("READY=1", 2)
        server.wait_line(f"process {now.pid} still runs what exists once")
        stage.expect(journal.wait().number == now.number, "it stays while the old master serves")
        server.signal(stage.TERM)
        after = journal.wait(now.number)
        stage.within(after.begin - end_of(journal, now), BACK, "it is back")
        stage.expect(server.ended() == 0, "exit status 0 of the old master")
        server.master = successor
        stage.settled()
        server.signal(stage.TERM)
        status = os.waitstatus_to_exitcode(os.waitpid(successor, 0)[1])
        stage.expect(status == 0, f"exit status 0 of the new master: {status}")
    judge(stage, journal, 2)


@drill("L4", bound=180.0, loop=True)
def once_kill9_50(stage: AppStage) -> None:
    """The worker with what exists once is killed, 50 times: never two, back within 2 s."""
    kill_over_and_over(stage, 50)


@drill("L5", bound=180.0, loop=True)
def once_reload_20(stage: AppStage) -> None:
    """SIGHUP, 20 times: what exists once moves once for each, in good order, and never two."""
    reload_over_and_over(stage, 20)
