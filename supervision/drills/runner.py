"""Running a drill: stage, function, aftermath, verdict."""

from __future__ import annotations

import signal
import tempfile
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from supervision.drills.aftermath import aftermath
from supervision.drills.drill import Drill, Skipped
from supervision.drills.server import DrillServer
from supervision.drills.stage import Check, Event, Stage
from supervision.drills.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How drills are run. ``slack`` multiplies their bounds, for machines that are busy.

    ``grace``: seconds that the server has for its shutdown, ``None`` for the application's own.
    ``stage``: what the drills play on. ``arguments``: options that every server is given, before
    those of the drill.
    """

    target: Target
    stage: type[Stage] = Stage
    workers: int = 2
    slack: float = 2.0
    grace: float | None = None
    arguments: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table of clients: ``count`` of a kind saw the same."""

    label: str
    count: int
    saw: str
    sent: int
    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a drill; ``took`` is held against its bound times ``slack``, ``seconds`` all.

    ``error`` is the first line that a server logged at error level, ``None`` where there is none.
    ``skipped``: why it was not run; it has neither passed nor failed then.
    """

    drill: Drill
    took: float
    slack: float
    seconds: float
    checks: list[Check]
    events: list[Event]
    rows: list[Row]
    measured: dict[str, float]
    error: str | None = None
    skipped: str | None = None

    @property
    def failures(self) -> list[str]:
        """What was not as it must be."""
        return [check.text for check in self.checks if not check.passed]

    @property
    def passed(self) -> bool:
        """Whether it was run, and everything was."""
        return self.skipped is None and not self.failures


def run(drill: Drill, settings: Settings) -> Outcome:
    """Run a drill from start to verdict; nothing of it is left, whatever happens."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="drill-") as directory:
        stage = settings.stage(
            settings.target,
            Path(directory),
            workers=settings.workers,
            slack=settings.slack,
            grace=settings.grace,
            arguments=settings.arguments,
        )
        try:
            skipped = _perform(drill, stage)
            if skipped is None:
                stage.judge(drill.bound)
            for server in stage.servers:
                _finish(server)
            stage.checks += aftermath(drill, stage)
            rows = _rows(stage)
        finally:
            stage.close()
    return Outcome(
        drill=drill,
        took=stage.took,
        slack=settings.slack,
        seconds=time.monotonic() - began,
        checks=stage.checks,
        events=stage.events,
        rows=rows,
        measured=stage.measured,
        error=next((line for each in stage.servers for line in each.errors), None),
        skipped=skipped,
    )


def _perform(drill: Drill, stage: Stage) -> str | None:
    """Run its function; return why it is skipped, if it is."""
    try:
        drill.run(stage)
    except Skipped as why:
        return str(why)
    except TimeoutError as error:
        stage.expect(False, str(error))
    except Exception as error:  # noqa: BLE001 - it stumbles over what the server has not done
        where = traceback.extract_tb(error.__traceback__)[-1]
        told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        place = f"{where.name}, line {where.lineno}"
        stage.expect(False, f"the drill could not go on: {told} ({place})")
    if not stage.settled_yet:
        stage.settled()
    return None


def _finish(server: DrillServer) -> None:
    """End a server that the drill has left running; that is not what it is about."""
    if server.process.poll() is None:
        if not server.told_to_end:
            server.signal(signal.SIGTERM)
        server.ended()
    server.wait_gone(1.0)


def _rows(stage: Stage) -> list[Row]:
    found: dict[tuple[str, str], list[int]] = {}
    for client in stage.clients:
        counts = found.setdefault((client.label, client.saw), [0, 0, 0])
        counts[0] += 1
        counts[1] += len(client.sent)
        counts[2] += len(client.texts)
    return [
        Row(label=label, count=counts[0], saw=saw, sent=counts[1], received=counts[2])
        for (label, saw), counts in sorted(found.items())
    ]
