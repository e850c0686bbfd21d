"""The server of these tests as a process, and what happens to it; the scripts that talk to it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from tests.support.command import Command
from tests.support.waiting import eventually

HERE = Path(__file__).parent
PACKAGES = (
    Path(os.environ.get("TEST_HOME") or Path.home() / ".cache/roost-test")
    / "phoenixjs/node_modules"
)
APP = "tests.phoenixjs.app:endpoint"


class Server:
    """Two workers on a port that stays the same. ``url`` is theirs."""

    def __init__(self) -> None:
        self.command = self._start("127.0.0.1:0")
        self.url = self.command.url

    def _start(self, bind: str) -> Command:
        environ = {**os.environ, "NODE_PATH": str(PACKAGES)}
        command = Command(APP, workers=2, bind=bind, env=environ).__enter__()
        try:
            command.wait_for("2 workers are ready")
        except BaseException:
            command.__exit__()
            raise
        return command

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.command.signal(signal.SIGTERM)
        try:
            self.command.ended()
        finally:
            self.command.__exit__()

    def kill(self, pid: int) -> None:
        """Kill a worker, and wait until another is in its place."""
        before = len([line for line in self.command.lines if "is back:" in line])
        os.kill(pid, signal.SIGKILL)
        self.command.wait_for("is back: 2 of 2 workers are ready", before + 1)

    def reload(self) -> None:
        """Have all workers replaced; wait until those that were there have ended.

        Who has lost the first may have come to the second, which no guest has told of yet.
        """
        before = set(self.command.children())
        self.command.signal(signal.SIGHUP)
        eventually(lambda: not before & set(self.command.children()), 60, pause=0.05)

    def restart(self) -> None:
        """Stop, and start again at the same port."""
        self.command.signal(signal.SIGTERM)
        assert self.command.ended() == 0
        self.command.__exit__()
        self.command = self._start("{}:{}".format(*self.command.address))

    def do(self, what: str) -> None:
        """Do what a script asks for: ``kill PID``, ``reload`` or ``restart``."""
        name, *arguments = what.split()
        getattr(self, name)(*map(int, arguments))


def script(server: Server, *command: str) -> Iterator[dict[str, Any]]:
    """Run a script with the server's URL; yield the objects that it prints, but for what it asks.

    What it prints besides goes to standard output too.
    """
    with subprocess.Popen(
        [*command, server.url],
        cwd=HERE,
        env={**os.environ, "NODE_PATH": str(PACKAGES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            for line in process.stdout:
                if not line.startswith("{"):
                    sys.stdout.write(line)
                elif "ask" in (said := json.loads(line)):
                    server.do(said["ask"])
                    process.stdin.write("done\n")
                    process.stdin.flush()
                else:
                    yield said
        except BaseException:
            process.kill()
            raise
    assert process.returncode == 0, f"{command} ended with {process.returncode}"
