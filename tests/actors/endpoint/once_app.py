"""An application with something that exists once, which can be asked where, and told to fail."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import gevent

from actors import Actor, Endpoint, Reply, Socket, once, once_number, whereis
from supervision import ChildSpec

PLACE = Path(os.environ.get("ONCE_PLACE", "/nowhere"))


class Child(Actor):
    def on_start(self) -> None:
        self.number = once_number()
        if (PLACE / "fail").exists():
            raise ValueError("it does not start today")

    def on_receive(self, message: Any) -> Any:
        if message == "die":
            self.exit_self(ValueError)
        if message == "hang":
            while True:
                time.sleep(1)  # not gevent's: the worker hangs
        return [os.getpid(), self.number]

    def terminate(self, reason: Any) -> None:
        if (PLACE / "slow").exists():
            gevent.sleep(600)


class Asking(Socket):
    def handle_in(self, payload: Any, opcode: Any) -> Reply:
        try:
            if payload == "die":
                whereis("child").tell("die")
                return Reply("told")
            return Reply(json.dumps([os.getpid(), *whereis("child").ask(payload)]))
        except Exception as error:  # noqa: BLE001 - whatever it is, the test is told
            return Reply(json.dumps(repr(error)))


endpoint = Endpoint(
    children=[once(ChildSpec(id="child", start=Child.start, shutdown=0.5), name="child")]
)
endpoint.socket("/ask", Asking)
