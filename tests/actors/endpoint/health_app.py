"""An application that says on its own port whether it serves; sockets drain for a while."""

from __future__ import annotations

import os
from typing import Any

from actors import Endpoint, Reply, Socket


class Echo(Socket):
    def handle_in(self, payload: Any, opcode: Any) -> Any:
        return Reply(str(os.getpid()) if payload == "pid" else payload)


def fallback(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("418 Teapot", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode()]


endpoint = Endpoint(health="/healthz", fallback=fallback)
endpoint.socket("/echo", Echo)
