"""What must be so after every drill, whatever it was about."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from supervision.drills.drill import Drill
from supervision.drills.server import DrillServer
from supervision.drills.stage import Check, Stage

TRACEBACK: Final = "Traceback (most recent call last)"

LATE: Final = re.compile(
    r"(ended \d+ connections of .* that took too long"
    r"|\d+ connections have not ended by themselves"
    r"|the endpoint did not stop in time"
    r"|this (?:worker|process) was held up at its end by .*)"
)
"""What a server says of what it had to end, as its time was over: connections, or itself."""


def aftermath(drill: Drill, stage: Stage) -> Iterator[Check]:
    """Look at what is left; the servers must have ended by now."""
    for server in stage.servers:
        yield from _of_server(drill, server)
    yield from stage.accounted(stage.clients)


def _of_server(drill: Drill, server: DrillServer) -> Iterator[Check]:
    status = server.process.poll()
    if drill.status is not None:
        yield Check(f"exit status {drill.status}: it is {status}", status == drill.status)
    left = server.group
    yield Check(f"no process is left of its group{_told(left)}", not left)
    strays = server.strays
    yield Check(f"no process is left that left its group{_told(strays)}", not strays)
    if not drill.leaves:
        files = remains(server)
        yield Check(f"no file or socket is left{_told(files)}", not files)
    if server.serves:
        yield Check("its port can be bound again at once", bindable(server.address))
    if not drill.late:
        late = next((found[1] for line in server.lines if (found := LATE.search(line))), "")
        yield Check(f"everything ended in its time{late and f': {late}'}", not late)
    if not drill.tracebacks:
        yield Check("no traceback is in the log", TRACEBACK not in server.log)


def _told(left: list[int] | list[str]) -> str:
    return f": {left}" if left else ""


def remains(server: DrillServer) -> list[str]:
    """Return the files that a server has left: in its directory of temporary files, or its own."""
    found = [str(path.relative_to(server.directory)) for path in _below(server.directory / "tmp")]
    return found + (["pid"] if server.pid_file.exists() else [])


def _below(directory: Path) -> list[Path]:
    return sorted(directory.rglob("*"))


def bindable(address: tuple[str, int]) -> bool:
    """Whether one can listen at ``address``, as the next server would."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(address)
            sock.listen()
        except OSError:
            return False
    return True
