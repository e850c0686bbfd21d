"""Drills: twenty seconds of everything that clients do, and what is left of it."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from supervision.drills import processes
from supervision.drills.clients import LongPoll, WebSocket
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE, DrillServer
from tests.drills.stage import AppStage

WARM: Final = 10.0
CHAOS: Final = 10.0
"""Seconds: of two stretches the first one takes what memory there is need for."""
THREADS: Final = 4
SEED: Final = 42
KEPT: Final = ("actors", "greenlets", "descriptors")


@drill("G42", bound=28.0)
def soak_mini(stage: AppStage) -> None:
    """20 s of connecting, pushing, leaving and aborting: nothing of it is kept, status 0."""
    server = stage.serve(workers=1, options={"longpoll": {"window": 1.0}})
    worker = server.workers[0]
    stage.fault(f"chaos, seed {SEED}")
    _chaos(stage, server, WARM, SEED)
    before = _calm(stage, server)
    memory = processes.resident(worker)
    _chaos(stage, server, CHAOS, SEED + 1)
    after = _calm(stage, server, before)
    for name in KEPT:
        told = f"{name} are back at {before[name]}: {after[name]}"
        stage.expect(after[name] <= before[name], told)
    growth = processes.resident(worker) / memory - 1
    stage.measure("growth of memory", growth)
    stage.expect(growth <= 0.05, f"memory grows by 5 % at most: {growth:.1%}")
    server.signal(stage.TERM)
    server.ended()


def _calm(
    stage: AppStage, server: DrillServer, wanted: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the state of the worker when it is at rest: as ``wanted``, or no more changing."""
    until = time.monotonic() + PATIENCE / 4
    found = stage.ask(server, "state")
    while time.monotonic() < until:
        time.sleep(0.2)  # a session that nobody polls ends by a timer
        last, found = found, stage.ask(server, "state")
        if wanted is not None and all(found[name] <= wanted[name] for name in KEPT):
            break
        if wanted is None and found["actors"] == last["actors"] and found["actors"] < _FEW:
            break
    stage.note("server", ", ".join(f"{found[name]} {name}" for name in KEPT))
    return found


_FEW: Final = 60
"""Actors that a worker without clients has at most: the tree's."""


def _chaos(stage: AppStage, server: DrillServer, seconds: float, seed: int) -> None:
    until, done = time.monotonic() + seconds, Counter[str]()
    lock = threading.Lock()

    def run(number: int) -> None:
        chance = random.Random(seed * 100 + number)
        count = 0
        while time.monotonic() < until:
            count += 1
            action = chance.choice(ACTIONS)
            outcome = action(server, f"{seed}-{number}-{count}")
            with lock:
                done[outcome] += 1

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + PATIENCE)
    stage.note("clients", ", ".join(f"{count} {what}" for what, count in sorted(done.items())))
    stage.expect(not done["lost"], f"of {done.total()} clients none lost what it had sent")


def _speak(server: DrillServer, name: str) -> WebSocket:
    client = WebSocket(server.address, f"/ledger/websocket?id={name}")
    if client.opened():
        client.echo(f"soak-{name}")
    return client


def _leave(server: DrillServer, name: str) -> str:
    client = _speak(server, name)
    client.leave()
    return "left" if client.texts else "lost"


def _abort(server: DrillServer, name: str) -> str:
    client = _speak(server, name)
    client.reset()
    return "reset" if client.texts else "lost"


def _vanish(server: DrillServer, name: str) -> str:
    client = _speak(server, name)
    client.close()
    return "vanished" if client.texts else "lost"


def _half(server: DrillServer, name: str) -> str:
    WebSocket(server.address, f"/ledger/websocket?id={name}", first=60).close()
    return "left half way"


def _poll(server: DrillServer, name: str) -> str:
    client = LongPoll(server.address, f"/ledger/longpoll?id={name}")
    if client.open():
        client.post(f"soak-{name}")
        client.posted()
        client.poll()
        client.answered()
    client.close()
    return "polled" if client.texts == client.sent else "lost"


ACTIONS: Final[tuple[Callable[[DrillServer, str], str], ...]] = (
    _leave,
    _abort,
    _vanish,
    _half,
    _poll,
)
