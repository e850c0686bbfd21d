"""Drills: SIGTERM and long polling, of an application that pushes nothing by itself."""

from __future__ import annotations

from supervision.drills.clients import LongPoll
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE
from supervision.drills.themes import longpolling
from tests.drills.ledger import HANDLED
from tests.drills.stage import AppStage


@drill("G15", bound=2.0, needs=("longpoll",))
def lp_waiting(stage: AppStage) -> None:
    """100 polls are held: each is answered 204 or 410 at once, and its connection closes."""
    longpolling.lp_waiting.run(stage)
    polled = {client.statuses[-1] for client in stage.clients if isinstance(client, LongPoll)}
    stage.expect(polled <= {204, 410}, f"each poll is answered 204 or 410: {polled}")
    seen = {each for client in stage.clients for each in client.texts}
    stage.expect(not seen, "no poll was answered before: it was held")


@drill("G16", bound=3.0)
def lp_post_race(stage: AppStage) -> None:
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
def lp_buffered(stage: AppStage) -> None:
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
