"""Drills: files of the application are saved while it serves, with ``--reload``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from supervision.drills.drill import drill
from supervision.drills.load import TrafficLoad
from tests.drills.stage import AppStage

APPLICATION: Final = "from tests.drills.app import endpoint\n"
BROKEN: Final = "endpoint = = None\n"


@drill("G59", bound=20.0, tracebacks=True)
def bad_reload(stage: AppStage) -> None:
    """A file is saved that does not import: the old code serves. Mended, the new one does."""
    place = stage.directory / "place"
    place.mkdir()
    version, file = place / "version", place / "saved.py"
    version.write_text("old")
    file.write_text(APPLICATION)
    server = stage.serve(
        "--reload",
        application="saved:endpoint",
        options={"version": str(version)},
        environ={"PYTHONPATH": str(Path.cwd())},
        prefix=("env", "--chdir", str(place)),
    )
    server.wait_line("watching ")
    with TrafficLoad(stage, server) as load:
        load.wait(10)
        version.write_text("new")
        stage.fault("a file is saved that does not import")
        file.write_text(APPLICATION + BROKEN)
        server.wait_line(r"cannot import 'saved': SyntaxError.*saved\.py:2")
        server.wait_line("the reload is off")
        load.wait(10)
        stage.expect(stage.ask(server, "version") == {"version": "old"}, "the old code serves")
        stage.expect(server.log.count("importing saved failed") == 1, "the error is logged once")
        stage.expect(server.log.count("Traceback") <= 1, "with no more than one traceback")
        stage.note("drill", "the file is mended")
        clients = stage.websockets(server, 10)
        file.write_text(APPLICATION)
        stage.wait_over(clients)
        stage.expect(stage.ask(server, "version") == {"version": "new"}, "the new code serves")
        load.wait(10)
        stage.settled()
    stage.expect_saw(clients, "close 1012")
    load.judge()
