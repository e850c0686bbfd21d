"""An application that echoes, over both transports, and counts what it echoes."""

from __future__ import annotations

from typing import Any

from actors import Endpoint, Reply, Socket, metrics

echoes = metrics.counter("app_echoes", "Echoes.", labels=("size",))


class Echo(Socket):
    def handle_in(self, payload: Any, opcode: Any) -> Reply:
        echoes.inc(size="long" if len(payload) > 125 else "short")
        return Reply(payload)


endpoint = Endpoint()
endpoint.socket("/echo", Echo, longpoll={"window": 1.0})
