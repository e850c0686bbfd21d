"""Applications that are wrong in one way each, for the drills to find out."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from actors import Endpoint, Error, Reply, Socket


class Echo(Socket):
    def handle_in(self, payload: Any, opcode: Any) -> Reply:
        return Reply(payload, opcode=opcode)


class Undrained(Echo):
    @classmethod
    def drainer_spec(cls, options: Any) -> None:
        return None


class Closed(Echo):
    @classmethod
    def connect(cls, info: Any) -> Error:
        return Error()


def serving(socket_class: type[Socket], path: str = "/echo") -> Endpoint:
    endpoint = Endpoint()
    endpoint.socket(path, socket_class)
    return endpoint


sound = serving(Echo)
undrained = serving(Undrained)
closed = serving(Closed)
variable = serving(Echo, "/rooms/:room")


def __getattr__(name: str) -> Endpoint:
    """What has effects happens in the worker that is asked for it, and nowhere else."""
    if name == "leaves_a_process":
        subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    elif name == "leaves_a_file":
        Path(tempfile.mkdtemp()).joinpath("left").touch()
    elif name == "shows_a_traceback":
        sys.stderr.write("Traceback (most recent call last):\n")
    else:
        raise AttributeError(name)
    return sound
