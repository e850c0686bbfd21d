"""Drills: SIGTERM and long polling."""

from __future__ import annotations

from functools import partial

from supervision.drills.clients import LongPoll
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE
from supervision.drills.stage import Stage, lines

POLLS = 100

GREETINGS = 5
"""Polls of one client that an application may answer with messages before one is held."""


@drill("G15", bound=2.0, needs=("longpoll",))
def lp_waiting(stage: Stage) -> None:
    """100 polls are held: each is answered 204 or 410 at once, and its connection closes."""
    server = stage.serve()
    clients = [stage.longpoll(server) for _ in range(POLLS)]
    hold_polls(stage, clients)
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    pump(lines(clients), PATIENCE, partial(_all_answered, clients))
    for client in clients:  # an application may push at any time: who has got messages leaves
        if client.answered_yet and client.line.answers[-1].json.get("status") == 200:
            client.close()
    over = pump(lines(clients), PATIENCE)
    stage.expect(over, "no client hangs")
    server.ended()
    headers = [client.line.answers[-1].headers.get("connection") for client in clients]
    statuses = {client.take() for client in clients}
    if 200 in statuses:
        stage.note("clients", "some polls were answered with messages of the application")
        # 500: it came when its session had ended and had nothing left to fetch.
        stage.expect(statuses <= {200, 204, 410, 500}, f"each poll is answered: {statuses}")
        return
    stage.expect(statuses <= {204, 410}, f"each poll is answered 204 or 410: {statuses}")
    stage.expect(set(headers) == {"close"}, "each answer says connection: close")
    stage.expect_saw(clients, "status 204, eof", "status 410, eof")


def hold_polls(stage: Stage, clients: list[LongPoll]) -> None:
    """Poll until the polls are held; what an application greets with is taken first.

    One that pushes all the time never holds a poll for long: then there is one under way.
    """
    waiting = clients
    for _ in range(GREETINGS):
        for client in waiting:
            client.poll()
        pump(lines(waiting), 0.2, partial(_all_answered, waiting))
        waiting = [client for client in waiting if client.take() == 200]
        if not waiting:
            break
    for client in waiting:
        client.poll()
    stage.expect(not any(client.over for client in clients), "the sessions live")


def _all_answered(clients: list[LongPoll]) -> bool:
    return all(client.answered_yet for client in clients)
