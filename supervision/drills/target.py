"""What a drill is run against: the drills' own application, or a user's."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

OWN: Final = "supervision.drills.app:endpoint"
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
    def own(self) -> bool:
        """Whether it is the application that is made for drills."""
        return self.application == OWN

    @property
    def transports(self) -> set[str]:
        """The transports that it has."""
        found = {"websocket": self.websocket, "longpoll": self.longpoll}
        return {name for name, path in found.items() if path}


OURS: Final = Target(OWN, "/ledger/websocket", "/ledger/longpoll")


def discovered(application: str, websocket: str | None, longpoll: str | None) -> Target:
    """Find the paths of ``application`` where they are not given; ``UnusableError``."""
    found = _mounts(application)
    for name, given in (("websocket", websocket), ("longpoll", longpoll)):
        if given is not None:
            found[name] = given
        elif ":" in found.get(name, ""):
            raise UnusableError(f"{found[name]} has variables: give --{name} PATH with values")
    return Target(application, found.get("websocket"), found.get("longpoll"))


def _mounts(application: str) -> dict[str, str]:
    """Answer the first path of each transport; another process imports the application."""
    command = [sys.executable, "-m", "supervision.drills.mounts", application]
    done = subprocess.run(  # noqa: S603 - ourselves
        command, capture_output=True, text=True, timeout=LOADING, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["it cannot be imported"]
        raise UnusableError(lines[-1])
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found
