"""Flask and Django, under our own command with two workers and under gunicorn, as processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.command import ROOT, Command, Program

GEVENTWEBSOCKET = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"
FRAMEWORKS = ("flask", "django")


def environment(place: Path) -> dict[str, str]:
    return {**os.environ, "PLACE": str(place), "PYTHONPATH": str(ROOT)}


@contextmanager
def ours(framework: str, place: Path, *options: str) -> Iterator[Command]:
    """Serve the pages and sockets with two workers of our own command."""
    app = f"tests.embedding.with_{framework}:endpoint"
    with Command(app, *options, workers=2, env=environment(place)) as command:
        command.wait_for("2 workers are ready")
        yield command


@contextmanager
def gunicorn(
    framework: str, place: Path, *options: str, worker: str = GEVENTWEBSOCKET
) -> Iterator[Program]:
    """Serve them with one worker of gunicorn."""
    command = [
        "-m", "gunicorn", "-k", worker, "-b", "127.0.0.1:0", "--no-control-socket",
        "--graceful-timeout", "10", *options, f"tests.embedding.with_{framework}",
    ]  # fmt: skip
    with Program(*command, env=environment(place)) as program:
        port = program.wait_for(r"Listening at: http://127\.0\.0\.1:(\d+)")[1]
        program.address = ("127.0.0.1", int(port))
        program.wait_for("Booting worker")
        yield program


def end(program: Program) -> str:
    """End a server in order; return what it printed."""
    program.signal(signal.SIGTERM)
    assert program.ended() == 0, program.lines
    return "\n".join(program.lines)
