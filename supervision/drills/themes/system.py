"""Drills: what a server meets as a service: process 1, a service manager."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from typing import Final

from supervision.drills import processes
from supervision.drills.drill import drill
from supervision.drills.server import DrillServer
from supervision.drills.stage import Stage

LAUNCH: Final = (sys.executable, "-m", "supervision.drills.launch")
UNSHARE: Final = ("--pid", "--fork", "--kill-child")


@drill("G37", bound=4.0)
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


def _settled(server: DrillServer) -> list[str]:
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


@drill("G38", bound=3.0, needs=("websocket",))
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
