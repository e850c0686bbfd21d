"""Drills: channels, when their server ends and when one of its workers dies."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from typing import Any

from supervision.drills.clients import WebSocket
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE, DrillServer
from supervision.drills.workers import everywhere, reach, split
from tests.drills.ledger import ENDED, HANDLED
from tests.drills.stage import AppStage

PATH = "/channels/websocket?vsn=2.0.0"
ROOM = "room:drill"
MEMBERS = 100
EACH = 10


def say(client: WebSocket, ref: str, event: str, **payload: Any) -> None:
    """Send a message to the room."""
    client.text(json.dumps(["1", ref, ROOM, event, payload]))


def heard(client: WebSocket, event: str) -> list[Any]:
    """Return the payloads of the messages of that name, in their order."""
    messages = [json.loads(text) for text in client.texts]
    return [payload for _, _, topic, name, payload in messages if (topic, name) == (ROOM, event)]


def join(stage: AppStage, clients: Sequence[WebSocket]) -> None:
    """Have clients join the room."""
    for client in clients:
        client.opened()
        say(client, "1", "phx_join")
    pump(clients, PATIENCE, lambda: all(heard(each, "phx_reply") for each in clients))
    stage.expect(
        all(heard(each, "phx_reply")[:1] == [{"response": {}, "status": "ok"}] for each in clients),
        f"{len(clients)} clients have joined",
    )


@drill("G52", bound=4.0)
def channels_term(stage: AppStage) -> None:
    """Channels hold messages, SIGTERM: all are handled and answered, then a farewell, then 1012."""
    stage.points.held.add("in_channel")
    server = stage.serve(workers=1)
    clients = stage.websockets(server, MEMBERS, path=PATH)
    join(stage, clients)
    for index, client in enumerate(clients):
        for number in range(EACH):
            say(client, str(2 + number), "say" if number else "hold", text=f"{index}-{number}")
    stage.points.wait("in_channel", MEMBERS)
    _beat(clients)
    stage.fault("SIGTERM to the master, all channels are behind")
    server.signal(stage.TERM)
    server.wait_note("STOPPING=1")
    stage.points.release("in_channel")
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1012")
    wanted = [{"response": {"text": f"{{}}-{number}"}, "status": "ok"} for number in range(EACH)]
    right = 0
    for index, client in enumerate(clients):
        told = json.dumps(heard(client, "phx_reply")[1:])
        right += told == json.dumps(wanted).replace("{}-", f"{index}-")
        right -= client.texts[-1] != json.dumps(
            ["1", None, ROOM, "farewell", {}], separators=(",", ":")
        )
    stage.expect(right == MEMBERS, f"{right} of {MEMBERS} got all replies, then the farewell")
    handled = stage.ledger.entries(HANDLED)
    stage.expect(
        len(handled) == MEMBERS * EACH and set(handled.values()) == {1}, "each was handled once"
    )
    ends = stage.ledger.entries(ENDED)
    stage.expect(
        ends == {f"{ROOM} Shutdown(detail='draining')": MEMBERS}, f"each terminated once: {ends}"
    )


def _beat(clients: Sequence[WebSocket]) -> None:
    """See that all was routed: a heartbeat that is behind it is answered."""
    for client in clients:
        client.text('[null,"beat","phoenix","heartbeat",{}]')
    pump(clients, PATIENCE, lambda: all('"beat"' in "".join(each.texts) for each in clients))


@drill("G53", bound=8.0)
def channels_kill(stage: AppStage) -> None:
    """A worker is killed: members of the others hear all, its own come back and hear them."""
    server = stage.serve(workers=2)
    clients = everywhere(stage, server, PATH)
    join(stage, clients)
    by_worker, before = split(server, clients), server.workers
    doomed = before[0]
    survivors = [each for pid, found in by_worker.items() if pid != doomed for each in found]
    _shout(stage, survivors, clients, 0)
    stage.fault(f"SIGKILL to worker {doomed}")
    server.signal(signal.SIGKILL, doomed)
    stage.wait_over(by_worker[doomed])
    stage.expect_saw(by_worker[doomed], "eof", "reset")
    _shout(stage, survivors, survivors, 100)
    joined = _come_back(stage, server, before)
    _shout(stage, survivors, [*survivors, joined], 200)
    stage.settled()


def _come_back(stage: AppStage, server: DrillServer, before: Sequence[int]) -> WebSocket:
    new = server.wait_workers(lambda pids: bool(set(pids) - set(before)), "a new worker")
    client = reach(stage, server, (set(new) - set(before)).pop(), path=PATH)[-1]
    join(stage, [client])
    return client


def _shout(
    stage: AppStage, clients: Sequence[WebSocket], audience: Sequence[WebSocket], first: int
) -> None:
    """Have one client broadcast, and check that all hear it in order."""
    numbers = list(range(first, first + 100))
    for number in numbers:
        say(clients[0], str(1000 + number), "shout", n=number)

    def told(client: WebSocket) -> list[int]:
        return [each["n"] for each in heard(client, "shout") if each["n"] >= first]

    pump(audience, PATIENCE, lambda: all(len(told(each)) >= 100 for each in audience))
    right = sum(told(each) == numbers for each in audience)
    stage.expect(right == len(audience), f"{right} of {len(audience)} heard 100 in order")
