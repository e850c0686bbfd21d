"""What a drill is run against: the demo, or an application that somebody names."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

DEMO: Final = "actors.endpoint.demo:endpoint"
"""What drills are run against where nothing else is named."""

LOADING: Final = 60.0
"""Seconds in which an application must have been imported."""


class UnusableError(Exception):
    """The application cannot be drilled; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """An application, and where it takes WebSockets and long polls (``None``: nowhere)."""

    application: str
    websocket: str | None
    longpoll: str | None

    @property
    def transports(self) -> set[str]:
        """The transports that it has."""
        found = {"websocket": self.websocket, "longpoll": self.longpoll}
        return {name for name, path in found.items() if path}


def discovered(
    application: str, websocket: str | None, longpoll: str | None, needs: Collection[str]
) -> Target:
    """Find the paths of ``application`` where they are not given; ``UnusableError``.

    ``needs`` are the transports that are going to be used: a path with variables must be given
    for those alone.
    """
    found = _mounts(application)
    for name, given in (("websocket", websocket), ("longpoll", longpoll)):
        if given is not None:
            found[name] = given
        elif name in needs and ":" in found.get(name, ""):
            raise UnusableError(f"{found[name]} has variables: give --{name} PATH with values")
    return Target(application, found.get("websocket"), found.get("longpoll"))


def _mounts(application: str) -> dict[str, str]:
    """Return the first path of each transport; another process imports the application.

    It writes to files, as a process that the application starts and leaves would hold a pipe open
    for ever. That it is left is for the drills to say; here its group is ended.
    """
    command = [sys.executable, "-m", "supervision.drills.mounts", application]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, process_group=0
        )
        try:
            status = process.wait(LOADING)
        except subprocess.TimeoutExpired:
            raise UnusableError(f"{application!r} is not imported within {LOADING:g} s") from None
        finally:
            _end_group(process)
        printed, said = (_text_of(file.fileno()) for file in (out, err))
    if status:
        lines = said.strip().splitlines() or ["it cannot be imported"]
        raise UnusableError(lines[-1])
    found: dict[str, str] = json.loads(printed.splitlines()[-1])
    return found


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the process and whatever it has left in its group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def _text_of(fd: int) -> str:
    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, encoding="utf-8", errors="replace", closefd=False) as file:
        return file.read()
