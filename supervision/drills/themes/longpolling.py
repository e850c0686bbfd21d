"""Drills: SIGTERM and long polling."""

from __future__ import annotations

from functools import partial

from supervision.drills.clients import LongPoll
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from tests.drills.ledger import HANDLED
from supervision.drills.server import PATIENCE
from supervision.drills.stage import Stage, lines

POLLS = 100

GREETINGS = 5
"""Polls of one client that an application may answer with messages before one is held."""


@drill("G15", bound=2.0, generic=True, needs=("longpoll",))
def lp_waiting(stage: Stage) -> None:
    """100 polls are held: each is answered 204 or 410 at once, and its connection closes."""
    server = stage.serve()
    clients = [stage.longpoll(server) for _ in range(POLLS)]
    hold_polls(stage, clients)
    stage.fault("SIGTERM to the master")
    server.signal(stage.TERM)
    if not stage.target.own:  # it may push at any time: who has got messages leaves
        pump(lines(clients), PATIENCE, partial(_all_answered, clients))
        for client in clients:
            if client.answered_yet and client.line.answers[-1].json.get("status") == 200:
                client.close()
    over = pump(lines(clients), PATIENCE)
    stage.expect(over, "no client hangs")
    server.ended()
    headers = [client.line.answers[-1].headers.get("connection") for client in clients]
    statuses = {client.take() for client in clients}
    if not stage.target.own and 200 in statuses:
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
    if stage.target.own:
        stage.expect(not waiting, "the polls are held")
    stage.expect(not any(client.over for client in clients), "the sessions live")


def _all_answered(clients: list[LongPoll]) -> bool:
    return all(client.answered_yet for client in clients)


@drill("G16", bound=3.0)
def lp_post_race(stage: Stage) -> None:
    """SIGTERM while a POST is handled: 200 if its reply can be had, else 410."""
    stage.points.held.add("before_ack")
    server = stage.serve()
    client = stage.longpoll(server, at="before_ack")
    client.poll()
    client.post("a message")
    stage.points.wait("before_ack")
    stage.fault("SIGTERM to the master, before_ack")
    server.signal(stage.TERM)
    server.wait_note("STOPPING=1")
    stage.points.release("before_ack")
    posted, polled = client.posted(), client.answered()
    stage.expect(pump([client.line, client.posting], PATIENCE), "its connections close")
    server.ended()
    stage.note("client", f"the POST is answered {posted}, the poll {polled}")
    reachable = client.texts == ["a message"]
    stage.expect(posted in (200, 410), f"the POST is answered 200 or 410: {posted}")
    stage.expect((posted == 200) == reachable, f"200 if and only if the reply came: {reachable}")
    handled = stage.ledger.entries(HANDLED)["a message"]
    stage.expect(handled == (posted == 200), f"it was handled {handled} times")


@drill("G17", bound=3.0)
def lp_buffered(stage: Stage) -> None:
    """SIGTERM while messages wait for a poll: one last poll gets them, then there is no more."""
    server = stage.serve()
    client = stage.longpoll(server)
    posted = []
    for number in range(3):
        client.post(f"message-{number}")
        posted.append(client.posted())
    stage.expect(posted == [200] * 3, f"each POST is answered 200: {posted}")
    stage.fault("SIGTERM to the master, nobody polls")
    server.signal(stage.TERM)
    server.wait_note("STOPPING=1")
    client.poll()
    stage.expect(client.answered() == 200, f"the last poll is answered 200: {client.statuses}")
    stage.expect(client.texts == client.sent, f"it brings what waited: {client.texts}")
    stage.expect(pump([client.line, client.posting], PATIENCE), "its connections close")
    server.ended()
