"""An endpoint inside another server, whose children say what they do on standard error."""

from __future__ import annotations

import os
import sys
from typing import Any

from actors import Actor, Endpoint, Reply, Socket
from supervision import ChildSpec


def say(what: str) -> None:
    sys.stderr.write(f"{what} in {os.getpid()}\n")
    sys.stderr.flush()


class Part(Actor):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def on_start(self) -> None:
        say(f"{self.name} starts")

    def terminate(self, reason: Any) -> None:
        say(f"{self.name} stops")


def part(name: str) -> ChildSpec:
    return ChildSpec(id=name, start=Part.start, args=(name,), shutdown=2.0)


class Echo(Socket):
    @classmethod
    def child_spec(cls, options: Any) -> ChildSpec:
        return part("pool")

    def handle_in(self, payload: Any, opcode: Any) -> Reply:
        return Reply(payload, opcode=opcode)

    def terminate(self, reason: Any) -> None:
        say("socket ends")


endpoint = Endpoint(
    children=[part("child")],
    watchers=[part("watcher")],
    secret_key_base=("a secret of the tests, thirty-two characters",),
)
endpoint.socket("/echo", Echo, longpoll=True)
application = endpoint.wsgi()
