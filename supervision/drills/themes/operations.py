"""Drills: the ops process fails, and what it says of a service that is to end."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from typing import Final, Self

from supervision.drills import processes
from supervision.drills.drill import drill
from supervision.drills.load import TrafficLoad
from supervision.drills.server import OPS, PATIENCE, DrillServer
from supervision.drills.stage import Stage

LAME_DUCK: Final = 2.0
"""Seconds."""

PERIOD: Final = 0.1
"""Seconds between two looks at the readiness: an impatient kubelet."""


def ops_port(server: DrillServer) -> tuple[str, int]:
    """Return where the ops process answers; it is printed."""
    found = server.wait_line(r"health and metrics at http://(\S+):(\d+)")
    return found[1].strip("[]"), int(found[2])


def ops_process(server: DrillServer) -> int:
    """Return the ops process, once there is one; there is no event for that, so it looks."""
    until = time.monotonic() + PATIENCE
    while True:
        for pid in processes.children(server.master):
            if OPS in processes.command(pid):
                return pid
        if time.monotonic() > until:
            raise TimeoutError("there is no ops process")
        time.sleep(0.01)


def status(address: tuple[str, int], path: str, seconds: float = 1.0) -> int:
    """Return the status of a GET; 0 where nobody answers in time."""
    connection = http.client.HTTPConnection(*address, timeout=seconds)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def wait_status(address: tuple[str, int], path: str, wanted: int) -> bool:
    """Wait for an answer; return whether it came."""
    until = time.monotonic() + PATIENCE
    while status(address, path) != wanted:
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


@drill("G62", bound=15.0, needs=("websocket",))
def ops_killed(stage: Stage) -> None:
    """The ops process is killed, then stopped: no client notices; another one answers soon."""
    server = stage.serve("--ops", "127.0.0.1:0")
    ops = ops_port(server)
    stage.expect(wait_status(ops, "/livez", 200), "the ops port answers")
    clients = stage.websockets(server, 20)
    with TrafficLoad(stage, server) as load:
        load.wait(20)
        for number in (signal.SIGKILL, signal.SIGSTOP):
            victim = ops_process(server)
            stage.fault(f"{number.name} to the ops process")
            server.signal(number, victim)
            began = time.monotonic()
            load.wait(20)
            stage.expect(_replaced(server, victim), f"another ops process after {number.name}")
            stage.expect(wait_status(ops, "/livez", 200), "/livez is 200 again")
            stage.measure(f"answers again after {number.name}", time.monotonic() - began)
    stage.settled()
    load.judge()
    stage.expect(all(client.alive() for client in clients), "every client is still connected")


def _replaced(server: DrillServer, victim: int) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if ops_process(server) != victim:
            return True
        time.sleep(0.01)
    return False


class Probe:
    """Asks whether a server is ready, ten times a second: ``seen`` is (seconds, status)."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.seen: list[tuple[float, int]] = []
        self._address = address
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._over.wait(PERIOD):
            began = time.monotonic()
            self.seen.append((began, status(self._address, "/readyz")))

    def since(self, moment: float) -> list[int]:
        """Return the statuses of what was asked since then, without those that had no answer."""
        return [found for at, found in self.seen if at > moment and found]

    def wait(self, wanted: int) -> None:
        """Wait until that is the last answer."""
        until = time.monotonic() + PATIENCE
        while not self.seen or self.seen[-1][1] != wanted:
            if time.monotonic() > until:
                raise TimeoutError(f"/readyz is never {wanted}: {self.seen[-3:]}")
            time.sleep(0.01)


@drill("G63", bound=LAME_DUCK + 5.0, needs=("websocket",))
def ready_while_draining(stage: Stage) -> None:
    """SIGTERM with a lame duck: 503 from the signal on, yet clients are let in; then 1012."""
    server = stage.serve("--ops", "127.0.0.1:0", "--lame-duck", f"{LAME_DUCK:g}")
    with Probe(ops_port(server)) as probe:
        clients = stage.websockets(server, 20)
        probe.wait(200)
        stage.fault("SIGTERM to the master")
        told = time.monotonic()
        server.signal(stage.TERM)
        probe.wait(503)
        unready = time.monotonic()
        late = stage.websockets(server, 5)
        let_in = all(client.opened() for client in late)
        stage.expect(let_in, "new clients are let in although the service is not ready")
        stage.wait_over([*clients, *late])
        waited = time.monotonic() - told
        server.ended()
    found = probe.since(unready)
    stage.measure("answers of /readyz since the signal", len(found))
    stage.expect(set(found) == {503}, f"/readyz is 503 to the end: {sorted(set(found))}")
    stage.expect(waited >= LAME_DUCK, f"the drain begins behind the lame duck: {waited:.2f} s")
    stage.expect_saw([*clients, *late], "close 1012")
