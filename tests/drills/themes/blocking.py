"""Drills: callbacks that block in C, where gevent cannot know."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import Final

from supervision.drills.clients import WebSocket
from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.server import PATIENCE
from tests.drills.stage import AppStage

WRITERS: Final = 8
"""Fewer than the threads of gevent's pool, so that all of them wait at once."""

ECHOES: Final = 100


@drill("G50", bound=10.0)
def sqlite_locked(stage: AppStage) -> None:
    """Callbacks wait for a locked sqlite in threads: an echo beside them is 20 ms later at most."""
    path = stage.directory / "said.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("create table said (text)")
        server = stage.serve(workers=1)
        neighbour = stage.websocket(server, "/asked/websocket", label="neighbour")
        neighbour.opened()
        writers = stage.websockets(
            server, WRITERS, path="/storing/websocket", label="writer", db=str(path)
        )
        before = _longest(stage, neighbour)
        stage.fault("the database is locked, and every writer writes")
        database.execute("begin immediate")
        for place, writer in enumerate(writers):
            writer.text(f"{place}")
        stage.points.wait("storing", WRITERS)
        during = _longest(stage, neighbour)
        waiting = sum(not each.texts for each in writers)
        stage.expect(waiting == WRITERS, f"{waiting} of {WRITERS} writers wait for the lock")
        database.execute("rollback")
        stage.measure("an echo before, in seconds", before)
        stage.within(max(0.0, during - before), 0.02, "an echo is delayed by")
        pump(writers, PATIENCE, lambda: all(each.texts for each in writers))
        stored = sorted(text for (text,) in database.execute("select text from said"))
    answers = sorted(text for each in writers for text in each.texts)
    stage.settled()
    stage.expect(answers == [f"stored {text}" for text in stored], "who was answered is stored")
    stage.expect(len(stored) == WRITERS, f"{len(stored)} of {WRITERS} writers have written")
    stage.stop(server)
    stage.wait_over([neighbour, *writers])


def _longest(stage: AppStage, client: WebSocket) -> float:
    """Return how many seconds nine of ten echoes take at most: the machine may hold up a few."""
    taken = []
    for _ in range(ECHOES):
        client.texts.clear()
        began = time.monotonic()
        client.text("version")
        if not pump([client], PATIENCE, lambda: bool(client.texts)):
            break
        taken.append(time.monotonic() - began)
    stage.expect(len(taken) == ECHOES, f"{len(taken)} of {ECHOES} echoes are answered")
    return sorted(taken)[len(taken) * 9 // 10] if taken else PATIENCE
