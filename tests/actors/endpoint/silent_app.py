"""An endpoint that says when it is served in the one way it has: by opening a FIFO."""

from __future__ import annotations

import os
from pathlib import Path

import gevent

from actors import Endpoint, Reply, Socket


class Echo(Socket):
    def handle_in(self, payload, opcode):
        return Reply(payload, opcode=opcode)


class Crashing(Socket):
    def handle_in(self, payload, opcode):
        raise ValueError("on purpose")


endpoint = Endpoint()
endpoint.socket("/echo", Echo)
endpoint.socket("/crash", Crashing)
# Runs when the command first waits: for a signal, while clients are served.
gevent.spawn(lambda: Path(os.environ["READY"]).write_text("served"))
