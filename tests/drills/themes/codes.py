"""Drills: workers of two codes, of the release before and of this one, under one master."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Final

from supervision.drills.drill import Skipped, drill
from supervision.drills.server import DrillServer
from supervision.drills.workers import without
from tests.drills import app_codes
from tests.drills.company import LARGE, Company, Visitor
from tests.drills.stage import AppStage
from tests.support.previous import NEW, OLD, Exchange, NoEarlierCodeError, fetch

SAID: Final = 200
"""Numbers that are said while there are workers of both codes, and after each reload."""

ODD: Final = ("the master said", "what nobody understands", "SIGABRT", "SIGKILL", "reload is off")
"""What the log says where one code does not understand the other."""


@drill("G58", bound=30.0)
def old_and_new(stage: AppStage) -> None:
    """Workers of old code under a new master, new ones under an old: all serve, nothing is lost."""
    try:
        old = fetch(stage.directory)
    except NoEarlierCodeError as error:
        raise Skipped(str(error)) from error
    for first, then in ((OLD, NEW), (NEW, OLD)):
        _exchanged(stage, old, first, then)
    stage.settled()


def _exchanged(stage: AppStage, old: Path, first: str, then: str) -> None:
    """Have a master of one code start workers of the other, and reload to those, and back."""
    place = stage.directory / f"{first}-first"
    place.mkdir()
    shutil.copy(str(app_codes.__file__), place / "app.py")
    exchange = Exchange(place, old, first)
    environ = {"PYTHONPATH": str(exchange.link)}
    inside = ("env", "--chdir", str(place))
    server = stage.serve(application="app:endpoint", workers=1, environ=environ, prefix=inside)
    company = Company(stage, server)
    company.come_to_all()
    stage.fault(f"SIGTTIN to a master of the {first} code: it starts a worker of the {then} one")
    exchange.to(then)
    server.signal(signal.SIGTTIN)
    server.wait_workers(lambda pids: len(pids) == 2, "there is another worker")
    company.come_to_all()
    codes = {each.code for each in company.members}
    stage.expect(codes == {OLD, NEW}, f"workers of both codes serve: {sorted(codes)}")
    visitors = [company.visit(first), company.visit(then)]
    company.talk_for(SAID)
    _post_much(company, visitors)
    company.judge(f"both under the {first} master")
    company.bid_farewell(visitors)
    server.signal(signal.SIGUSR1)
    for pid in server.workers:
        server.wait_line(f"stacks of process {pid}:")
    for code in (then, first):
        exchange.to(code)
        _reload(stage, server, company, code)
        company.judge(f"reloaded from the {first} master to the {code} code")
    server.signal(stage.TERM)
    clients = [each.client for each in company.everybody if not isinstance(each, Visitor)]
    stage.wait_over(clients)
    server.ended()
    stage.expect_saw(clients, "close 1012")
    odd = [line for line in server.lines if any(word in line for word in ODD)]
    stage.expect(not odd, f"each code understands the other: {odd[:1] or 'always'}")


def _post_much(company: Company, visitors: list[Visitor]) -> None:
    """Have each session take, through a worker of the other code, what no frame holds."""
    for each in visitors:
        company.talk(each.may_post, "an answer to its POST", silent=True)
        each.post_much()
    told = str(LARGE)
    company.talk(lambda: all(told in each.texts for each in visitors), "what is large is told")


def _reload(stage: AppStage, server: DrillServer, company: Company, code: str) -> None:
    stage.note("drill", f"SIGHUP to the master: its workers are of the {code} code from now on")
    old = server.workers
    gone = without(*old, left=len(old))
    server.signal(signal.SIGHUP)
    company.talk(lambda: gone(server.workers), "all workers are new")
    company.come_to_all()
    company.talk_for(SAID)
    codes = {each.code for each in company.members}
    stage.expect(codes == {code}, f"all are served by the {code} code: {sorted(codes)}")
