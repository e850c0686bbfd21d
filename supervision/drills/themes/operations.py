"""Drills: the ops process fails, and what it says of a service that is to end."""

from __future__ import annotations

import http.client
import signal
import threading
import time
from typing import Final, Self

from supervision.drills import processes
from supervision.drills.clients import LongPoll, WebSocket
from supervision.drills.drill import drill
from supervision.drills.load import TrafficLoad
from supervision.drills.server import OPS, PATIENCE, DrillServer
from supervision.drills.stage import Stage

LAME_DUCK: Final = 2.0
"""Seconds."""

BACK: Final = {signal.SIGKILL: 2.0, signal.SIGSTOP: 6.0}
"""Seconds in which there must be answers again; who is stopped must first be missed."""

TOLD: Final = 1.0
"""Seconds in which the ops process must have heard that the service is to end."""

ALIVE: Final = {200, 204}
"""How a poll is answered whose session goes on."""

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
    polling = [stage.longpoll(server)] if stage.target.longpoll else []
    for each in polling:
        each.poll()
    with TrafficLoad(stage, server) as load:
        load.wait(20)
        for number in (signal.SIGKILL, signal.SIGSTOP):
            victim = ops_process(server)
            stage.fault(f"{number.name} to the ops process")
            server.signal(number, victim)
            began = time.monotonic()
            served = [stage.is_served(each, f"{number.name}-{id(each)}") for each in clients]
            stage.expect(all(served), f"{sum(served)} of {len(served)} clients are served then")
            load.wait(20)
            stage.expect(_replaced(server, victim), f"another ops process after {number.name}")
            stage.expect(wait_status(ops, "/livez", 200), "/livez is 200 again")
            back = time.monotonic() - began
            stage.within(back, BACK[number], f"answers again after {number.name}")
            _poll_again(stage, polling)
    stage.settled()
    load.judge()
    stage.expect(all(client.alive() for client in clients), "every client is still connected")
    stage.expect(not any(each.over for each in polling), "every poll is still held")


def _poll_again(stage: Stage, polling: list[LongPoll]) -> None:
    """Poll again where the answer has come, as it does after a while."""
    for each in polling:
        if each.answered_yet:
            found = each.take()
            stage.expect(found in ALIVE, f"a poll is answered {found}: its session lives")
            each.poll()


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

    def between(self, begin: float, end: float) -> list[int]:
        """Return the statuses of what was asked in that time; 0 for what had no answer."""
        return [found for at, found in self.seen if begin <= at < end]

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
        stage.within(time.monotonic() - told, TOLD, "503 after the signal")
        late: list[WebSocket] = []
        # It counts from the signal's arrival, which is later: none of these is beyond its end.
        while time.monotonic() < told + 0.8 * LAME_DUCK:
            late += stage.websockets(server, 1)
            time.sleep(PERIOD)
        stage.expect(all(each.code is None for each in clients), "nobody is told to go before")
        stage.wait_over([*clients, *late])
        over = time.monotonic()
        server.ended()
    found = probe.between(told, over)
    while found and found[0] == 200:  # what was asked while the signal was on its way
        found.pop(0)
    stage.measure("503s of /readyz", len(found))
    stage.measure("clients let in meanwhile", len(late))
    stage.expect(set(found) == {503}, f"/readyz is 503 to the end: {sorted(set(found))}")
    waited = over - told
    stage.expect(waited >= LAME_DUCK, f"the drain begins behind the lame duck: {waited:.2f} s")
    stage.expect_saw([*clients, *late], "close 1012")
