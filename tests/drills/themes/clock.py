"""Drills: the clock on the wall jumps."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any, Final

from supervision.drills.connection import pump
from supervision.drills.drill import drill
from supervision.drills.stage import lines
from supervision.drills.themes.midway import caught_up
from tests.drills.stage import AppStage

YEAR: Final = 365 * 86_400

JUMPING: Final = """
import os, time
real, path = time.time, os.environ["ROOST_DRILL_CLOCK"]
def jumped():
    with open(path) as file:
        return real() + float(file.read() or 0)
time.time = jumped
"""
"""A module that Python imports before all others: a wall clock that a file moves."""


@drill("G39", bound=2.0)
def clock_jump(stage: AppStage) -> None:
    """The wall clock jumps a year ahead, then a year back: nothing closes, polls are answered."""
    clock, site = stage.directory / "clock", stage.directory / "site"
    clock.write_text("0")
    site.mkdir()
    (site / "sitecustomize.py").write_text(JUMPING)
    server = stage.serve(
        workers=1, environ={"ROOST_DRILL_CLOCK": str(clock), "PYTHONPATH": str(site)}
    )
    clients: list[Any] = stage.websockets(server, 20)
    polling = stage.longpoll(server)
    polling.poll()
    caught_up(stage, server)  # a token is as old as the wall clock says: the poll must be held
    for years in (1, -1):
        stage.fault(f"the wall clock jumps by {years} years")
        _set(clock, years * YEAR)
        told = stage.ask(server, "state")["wall"]
        stage.note("server", f"its clock says {told}")
        ended = pump(clients, 0.3, lambda: any(each.end or each.code for each in clients))
        stage.expect(not ended, "no WebSocket closes")
        stage.expect(all(client.alive() for client in clients), "all are served")
        stage.expect(not pump(lines([polling]), 0.1), "the poll is held as before")
    polling.post("a message")
    stage.expect(polling.answered() == 200, f"the poll is answered: {polling.statuses}")
    stage.expect(polling.texts == ["a message"], "with what it has waited for")
    stage.settled()
    server.signal(signal.SIGTERM)
    stage.wait_over(clients)


def _set(clock: Path, seconds: int) -> None:
    """Move the clock in one step: whoever reads it meanwhile sees the old one or the new one."""
    fresh = clock.with_suffix(".new")
    fresh.write_text(str(seconds))
    fresh.rename(clock)
