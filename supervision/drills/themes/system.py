"""Drills: what a server meets as a service: process 1, a service manager, a clock that jumps."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from supervision.drills import processes
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import Server
from supervision.drills.stage import Stage, lines
from supervision.drills.themes.midway import caught_up

YEAR: Final = 365 * 86_400
LAUNCH: Final = (sys.executable, "-m", "supervision.drills.launch")
UNSHARE: Final = ("--pid", "--fork", "--kill-child")

JUMPING: Final = """
import os, time
real, path = time.time, os.environ["ROOST_DRILL_CLOCK"]
def jumped():
    with open(path) as file:
        return real() + float(file.read() or 0)
time.time = jumped
"""
"""A module that Python imports before all others: a wall clock that a file moves."""


@drill("G37", bound=4.0, generic=True)
def pid1(stage: Stage) -> None:
    """As process 1, or the nearest to it: orphans are reaped, SIGTERM is obeyed."""
    ours, theirs = os.pipe()
    prefix: Sequence[str] = (*LAUNCH, "--orphan", str(ours), "--")
    alone = _unshare()
    if alone:
        prefix = (alone, *UNSHARE, *prefix)
    stage.note("drill", "in a PID namespace of its own" if alone else "as a subreaper")
    server = stage.serve(prefix=prefix, pass_fds=[ours])
    os.close(ours)
    if alone:
        server.master = processes.children(server.process.pid)[0]
    workers = len(server.workers)
    stage.fault("a child that it never started ends")
    os.close(theirs)
    server.wait_workers(lambda pids: len(pids) == workers - 1, "the orphan ends")
    state = [processes.state(pid) for pid in processes.every_child(server.master)]
    stage.expect("Z" not in _settled(server), f"no zombie is left: {state}")
    stage.expect(server.process.poll() is None, "the master lives on")
    server.signal(stage.TERM)
    server.ended()


def _settled(server: Server) -> list[str]:
    """Return the states of the master's children once it has had the time to reap."""
    states: list[str] = []

    def quiet(_: list[int]) -> bool:
        states[:] = [processes.state(pid) for pid in processes.every_child(server.master)]
        return "Z" not in states

    server.wait_workers(quiet, "a zombie is left")
    return states


def _unshare() -> str | None:
    """Return the program that makes a PID namespace, where we may."""
    program = shutil.which("unshare")
    if program is None:
        return None
    done = subprocess.run(  # noqa: S603 - found by its name
        [program, *UNSHARE, "true"], capture_output=True, check=False
    )
    return program if done.returncode == 0 else None


@drill("G38", bound=3.0, generic=True, needs=("websocket",))
def notify(stage: Stage) -> None:
    """A service manager: it hands over the socket, hears READY, WATCHDOG, and STOPPING first."""
    sock = socket.create_server(("127.0.0.1", 0))
    host, port = sock.getsockname()
    fd = sock.fileno()
    server = stage.serve(
        prefix=(*LAUNCH, "--listen", str(fd), "--"),
        pass_fds=[fd],
        environ={"WATCHDOG_USEC": "400000"},
    )
    stage.expect(server.address == (host, port), "it serves on the socket that it was given")
    clients = stage.websockets(server, 5)
    server.wait_note("WATCHDOG=1", 3)
    stage.fault("SIGTERM to the master")
    count = len(server.notes)
    server.signal(stage.TERM)
    stage.wait_over(clients)
    stage.expect(server.ended() == 0, "exit status 0")
    told = [note for note in server.notes[count:] if note != "WATCHDOG=1"]
    stage.expect(told[:1] == ["STOPPING=1"], f"STOPPING comes first: {told}")
    stage.expect(server.notes[0] == "READY=1", "READY was the very first")
    late = socket.create_connection((host, port), 1.0)
    stage.note("manager", "the socket still listens: the next server's clients can queue")
    late.close()
    sock.close()


@drill("G39", bound=2.0)
def clock_jump(stage: Stage) -> None:
    """The wall clock jumps a year ahead, then a year back: nothing closes, polls are answered."""
    clock, site = stage.directory / "clock", stage.directory / "site"
    clock.write_text("0")
    site.mkdir()
    (site / "sitecustomize.py").write_text(JUMPING)
    server = stage.serve(
        workers=1, environ={"ROOST_DRILL_CLOCK": str(clock), "PYTHONPATH": str(site)}
    )
    clients: list[Any] = stage.websockets(server, 20)
    polling = stage.longpoll(server)
    polling.poll()
    caught_up(stage, server)  # a token is as old as the wall clock says: the poll must be held
    for years in (1, -1):
        stage.fault(f"the wall clock jumps by {years} years")
        _set(clock, years * YEAR)
        told = stage.ask(server, "state")["wall"]
        stage.note("server", f"its clock says {told}")
        ended = pump(clients, 0.3, lambda: any(each.end or each.code for each in clients))
        stage.expect(not ended, "no WebSocket closes")
        stage.expect(all(client.alive() for client in clients), "all are served")
        stage.expect(not pump(lines([polling]), 0.1), "the poll is held as before")
    polling.post("a message")
    stage.expect(polling.answered() == 200, f"the poll is answered: {polling.statuses}")
    stage.expect(polling.texts == ["a message"], "with what it has waited for")
    stage.settled()
    server.signal(signal.SIGTERM)
    stage.wait_over(clients)


def _set(clock: Path, seconds: int) -> None:
    """Move the clock in one step: whoever reads it meanwhile sees the old one or the new one."""
    fresh = clock.with_suffix(".new")
    fresh.write_text(str(seconds))
    fresh.rename(clock)
