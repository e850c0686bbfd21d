"""Drills: who is there, when a worker dies."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from collections.abc import Iterable

from supervision.drills.clients import WebSocket
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE
from supervision.drills.workers import everywhere, reach, split
from tests.drills.app_channels import LEAVE_DELAY
from tests.drills.stage import AppStage
from tests.drills.themes.channels import PATH, heard, join, say

GUESTS = 100

GONE = 1.0
"""Seconds in which who died with a worker is not listed any more."""


def told(client: WebSocket, kind: str) -> Counter[str]:
    """Return how often a client was told that each key came (``joins``) or went (``leaves``)."""
    return Counter(key for diff in heard(client, "presence_diff") for key in diff[kind])


def listed(client: WebSocket, ref: str) -> dict[str, object]:
    """Return whom the worker of a client lists."""
    say(client, ref, "who")
    mine = f'["1","{ref}",'
    pump([client], PATIENCE, lambda: any(text.startswith(mine) for text in client.texts))
    (reply,) = [json.loads(text) for text in client.texts if text.startswith(mine)]
    found: dict[str, object] = reply[4]["response"]
    return found


@drill("G30", bound=8.0)
def presence_nodedown(stage: AppStage) -> None:
    """A worker with 100 presences is killed: each leave is told once, and all list the same."""
    server = stage.serve(workers=2)
    clients = everywhere(stage, server, PATH)
    join(stage, clients)
    by_worker, before = split(server, clients), server.workers
    doomed = before[0]
    survivors = [each for pid, found in by_worker.items() if pid != doomed for each in found]
    say(by_worker[doomed][0], "2", "invite", count=GUESTS)
    guests = {f"guest-{number}": 1 for number in range(GUESTS)}
    pump(clients, PATIENCE, lambda: all(told(each, "joins") == guests for each in clients))
    _expect_all(stage, clients, guests, "joins", "came")
    stage.fault(f"SIGKILL to worker {doomed}")
    killed = time.monotonic()
    server.signal(signal.SIGKILL, doomed)
    asked = 1000
    while listed(survivors[0], str(asked)) and time.monotonic() < killed + PATIENCE:
        asked += 1
    stage.within(time.monotonic() - killed, GONE, "none of them is listed")
    pump(survivors, PATIENCE, lambda: all(told(each, "leaves") == guests for each in survivors))
    stage.within(time.monotonic() - killed, LEAVE_DELAY + GONE, "all are told")
    new = server.wait_workers(lambda pids: bool(set(pids) - set(before)), "a new worker")
    client = reach(stage, server, (set(new) - set(before)).pop(), path=PATH)[-1]
    join(stage, [client])
    stage.expect(not listed(client, "9"), "the new worker lists nobody")
    stage.settled()
    _expect_all(stage, survivors, guests, "leaves", "went")


def _expect_all(
    stage: AppStage, clients: Iterable[WebSocket], guests: dict[str, int], kind: str, word: str
) -> None:
    counts = [told(client, kind) for client in clients]
    right = sum(count == guests for count in counts)
    stage.expect(right == len(counts), f"{right} of {len(counts)} were told once who {word}")
