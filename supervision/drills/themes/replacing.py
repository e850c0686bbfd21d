"""Drills: workers and masters that end, hang or are replaced."""

from __future__ import annotations

import os
import signal
import time

from supervision.drills.clients import WebSocket
from supervision.drills.drill import drill
from supervision.drills.load import TrafficLoad
from supervision.drills.processes import adopting
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.stage import Stage
from supervision.drills.workers import reach, split, without

TOLD = 0.3
"""Seconds in which old workers have read that they are to stand back; nothing shows it."""


@drill("G21", bound=6.0, needs=("websocket",))
def hup_reload(stage: Stage) -> None:
    """SIGHUP under load: worker after worker is replaced, none is refused, old clients get 1012."""
    reload(stage, stage.serve())


def reload(stage: Stage, server: DrillServer) -> None:
    """Have every worker replaced, under load, and check what clients see of it."""
    clients = stage.websockets(server, 20)
    old = server.workers
    with TrafficLoad(stage, server) as load:
        load.wait(10)
        stage.fault("SIGHUP to the master")
        server.signal(signal.SIGHUP)
        stage.wait_over(clients)
        server.wait_workers(without(*old), "all workers are new")
        load.wait(10)
        stage.settled()
    stage.expect_saw(clients, "close 1012")
    stage.expect(server.process.poll() is None, "the master is the same process")
    stage.expect(len(server.workers) == stage.workers, "there are as many workers as before")
    load.judge()


@drill("G22", bound=8.0, needs=("websocket",))
def usr2_reexec(stage: Stage) -> None:
    """USR2 starts a new master on the same socket, TERM ends the old one: nobody is refused."""
    server = stage.serve()
    clients = stage.websockets(server, 20)
    with adopting(), TrafficLoad(stage, server) as load:
        load.wait(10)
        stage.fault("SIGUSR2 to the master")
        server.signal(signal.SIGUSR2)
        successor = int(server.wait_line(r"started a new master, pid (\d+)")[1])
        server.wait_note("READY=1", 2)
        server.signal(stage.TERM)
        stage.wait_over(clients)
        stage.expect(server.ended() == 0, "exit status 0 of the old master")
        server.master = successor
        load.wait(10)
        stage.settled()
        load.stop()
        stage.expect(server.pid_file.read_text().strip() == str(successor), "the pid file is its")
        server.signal(stage.TERM)
        status = os.waitstatus_to_exitcode(os.waitpid(successor, 0)[1])
        stage.expect(status == 0, f"exit status 0 of the new master: {status}")
    stage.expect_saw(clients, "close 1012")
    load.judge()


@drill("G24", bound=1.0, needs=("websocket",))
def worker_kill9(stage: Stage) -> None:
    """SIGKILL to one of two workers: its clients see 1006, no others do, a new one accepts."""
    server = stage.serve(workers=2)
    clients = stage.websockets(server, 20)
    worker = server.owner(clients[0])
    replaced(stage, server, clients, worker)


def replaced(stage: Stage, server: DrillServer, clients: list[WebSocket], worker: int) -> float:
    """Kill ``worker``, see what becomes of the clients; return when another one accepted."""
    by_worker, before = split(server, clients), server.workers
    stage.fault(f"SIGKILL to worker {worker}")
    began = time.monotonic()
    server.signal(signal.SIGKILL, worker)
    new = server.wait_workers(lambda pids: bool(set(pids) - set(before)), "a new worker")
    reach(stage, server, (set(new) - set(before)).pop())
    took = time.monotonic() - began
    stage.settled()
    stage.wait_over(by_worker[worker])
    stage.expect_saw(by_worker[worker], "eof", "reset")
    others = [client for pid in before if pid != worker for client in by_worker[pid]]
    alive = sum(client.alive() for client in others)
    stage.expect(alive == len(others), f"{alive} of {len(others)} other clients live on")
    return took


@drill("G26", bound=3.0, needs=("websocket",))
def worker_stop(stage: Stage) -> None:
    """SIGSTOP to a worker: it gives no sign of life for a second, is killed and replaced."""
    server = stage.serve("--heartbeat-timeout", "1", workers=2)
    clients = stage.websockets(server, 20)
    worker = server.owner(clients[0])
    by_worker, before = split(server, clients), server.workers
    stage.fault(f"SIGSTOP to worker {worker}")
    server.signal(signal.SIGSTOP, worker)
    new = server.wait_workers(lambda pids: bool(set(pids) - set(before)), "a new worker")
    reach(stage, server, (set(new) - set(before)).pop())
    stage.settled()
    stage.wait_over(by_worker[worker])
    stage.expect_saw(by_worker[worker], "eof", "reset")
    others = [client for pid in before if pid != worker for client in by_worker[pid]]
    stage.expect(all(client.alive() for client in others), "the other clients live on")


@drill("G27", bound=3.0, status=None, leaves=True, needs=("websocket",))
def master_kill9(stage: Stage) -> None:
    """SIGKILL to the master: its workers drain with 1012 and end; the next boot finds its place."""
    with adopting():
        server = stage.serve()
        clients = stage.websockets(server, 20)
        stage.fault("SIGKILL to the master")
        server.signal(signal.SIGKILL)
        stage.wait_over(clients)
        stage.expect(server.wait_gone(PATIENCE), "no process is left")
        left = [path.name for path in (server.directory / "tmp").glob("roost-*")]
        stage.expect(not left, f"its last worker has removed their directory: {left}")
        stage.settled()
        server.ended()
        server.reap()
    stage.expect_saw(clients, "close 1012")
    host, port = server.address
    again = stage.serve(bind=f"{host}:{port}")
    stage.expect(stage.stop(again) == 0, "the next one serves there, exit status 0")


@drill("G49", bound=8.0, needs=("websocket",))
def hup_hanging(stage: Stage) -> None:
    """The new worker hangs within a reload: old ones take who comes within 1 s, none is refused."""
    server = stage.serve(workers=3)
    old = server.workers
    server.signal(signal.SIGHUP)
    pids = server.wait_workers(lambda pids: len(set(pids) - set(old)) == 2, "a second new worker")
    hanging = [pid for pid in pids if pid not in old]
    stage.fault(f"SIGSTOP to {hanging}: the one serves, the other boots")
    for pid in hanging:
        server.signal(signal.SIGSTOP, pid)
    time.sleep(TOLD)
    clients = [stage.websocket(server) for _ in range(10)]
    opened = [client.opened() for client in clients]
    stage.expect(all(opened), "all are accepted")
    stage.within(max(client.opened_in for client in clients), 1.0, "the last is accepted")
    for pid in hanging:
        server.signal(signal.SIGCONT, pid)
    server.wait_workers(without(*old, left=len(old)), "all workers are new")
    stage.settled()
    stage.wait_over(clients)
    stage.expect_saw(clients, "close 1012")
