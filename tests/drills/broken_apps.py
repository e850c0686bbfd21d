"""Applications that are wrong in one way each, for the drills to find out."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import gevent

from actors import Endpoint, Error, Ok, Push, Reply, Socket


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


class Slow(Echo):
    def terminate(self, reason: Any) -> None:
        gevent.sleep(60)


class Greeting(Echo):
    def init(self, state: Any) -> Ok:
        self.push("welcome")
        return Ok(state)


class Ticking(Greeting):
    def init(self, state: Any) -> Ok:
        self.send_after(0.01, "tick")
        return super().init(state)

    def handle_info(self, message: Any) -> Any:
        self.send_after(0.01, "tick")
        return Push("tick")


def serving(socket_class: type[Socket], path: str = "/echo", **mount: Any) -> Endpoint:
    endpoint = Endpoint()
    endpoint.socket(path, socket_class, **mount)
    return endpoint


sound = serving(Echo)
undrained = serving(Undrained)
closed = serving(Closed)
variable = serving(Echo, "/rooms/:room")
slow = serving(Slow)
greeting = serving(Greeting, longpoll=True)
ticking = serving(Ticking, longpoll=True)
partly_variable = serving(Echo)
partly_variable.socket("/rooms/:room", Echo, websocket=False, longpoll=True)


def __getattr__(name: str) -> Endpoint:
    """What has effects happens in the worker that is asked for it, and nowhere else."""
    if name == "leaves_a_process":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"])
    elif name == "leaves_a_daemon":
        command = [sys.executable, "-c", "import time; time.sleep(30)"]
        subprocess.Popen(command, start_new_session=True)
    elif name == "leaves_a_thread":
        threading.Thread(target=gevent.sleep, args=(60,), name="left").start()
    elif name == "leaves_a_file":
        Path(tempfile.mkdtemp()).joinpath("left").touch()
    elif name == "shows_a_traceback":
        sys.stderr.write("Traceback (most recent call last):\n")
    else:
        raise AttributeError(name)
    return sound
