"""A master over scripted workers: ``python -m ....small_master OPTIONS``, with OPTIONS in JSON.

``script``: see ``scripted``. ``totals``: have workers count; SIGUSR1 prints a snapshot.
``events``: print what is told. ``workers``, ``heartbeat``, ``boot``, ``patience``, ``lame_duck``:
what they are elsewhere. ``reloads``: the number of workers that each reload says; then the last.
The workers are told how many reloads there have been. The exit status is the master's.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from pathlib import Path

from actors import telemetry
from actors.events import CATALOGUE
from supervision.processes.directory import Directory
from supervision.processes.fleet import Fleet, Timeouts
from supervision.processes.master import SIGNALS, Master
from supervision.processes.signals import SignalPipe
from supervision.processes.sockets import bind
from supervision.processes.totals import Totals

logger = logging.getLogger("small_master")


def told(event: str, *what: object) -> None:
    logger.info("event %s", json.dumps([event, *what]))


def main() -> int:
    options = json.loads(sys.argv[1])
    logging.basicConfig(level="DEBUG", format="%(levelname)s %(message)s")
    if options.get("events"):
        for event in CATALOGUE.values():
            telemetry.attach(event.name, told)
    with SignalPipe(SIGNALS) as signals, tempfile.TemporaryDirectory() as place:
        fleet = Fleet(
            "tests.supervision.processes.scripted",
            [bind("127.0.0.1", 0)],
            {"script": options["script"]},
            Directory(Path(place)),
            Timeouts(
                heartbeat=options.get("heartbeat", 30.0),
                boot=options.get("boot", 60.0),
                patience=options.get("patience", 60.0),
                lame_duck=options.get("lame_duck", 0.0),
            ),
            time.monotonic,
            "w",
            totals=Totals() if options.get("totals") else None,
        )

        def reopen() -> None:
            logger.info("reopened")
            logger.info("snapshot %s", json.dumps(master.snapshot()))

        workers = options.get("workers", 1)
        numbers = options.get("reloads", [])

        def on_reload() -> int:
            nonlocal workers
            fleet.configure["reload"] = fleet.configure.get("reload", 0) + 1
            workers = numbers.pop(0) if numbers else workers
            return workers

        master = Master(
            fleet,
            workers,
            signals=signals,
            arguments=["--no-such-option"],
            on_ready=lambda facts: logger.info("serving"),
            on_reload=on_reload,
            reopen=reopen,
            on_alone=lambda pid: logger.info("goes on without %d", pid),
        )
        return master.run()


if __name__ == "__main__":
    sys.exit(main())
