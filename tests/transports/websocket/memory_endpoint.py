"""What the tests of memory serve in a process of its own."""

from __future__ import annotations

from typing import Any

from actors import Endpoint, Push, Reply, Socket


class Echo(Socket):
    """Echoes; ``more`` makes it push 64 KiB every millisecond for as long as it lives."""

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        if payload == "more":
            return self.handle_info(None)
        return Reply(payload, opcode=opcode)

    def handle_info(self, message: Any) -> Any:
        self.send_after(0.001, None)
        return Push("x" * 65_536)


endpoint = Endpoint()
endpoint.socket("/echo", Echo)
endpoint.socket("/pings", Echo, websocket={"max_control_rate": 1_000_000})
endpoint.socket("/deflate", Echo, websocket={"compress": True})
endpoint.socket("/lavish", Echo, websocket={"compress": True, "max_inflate_ratio": 10_000})
