"""An application whose clients are spread over workers: what they say is heard by all."""

from __future__ import annotations

import os
from typing import Any

from actors import Endpoint, Ok, Push, Reply, Socket, pubsub


class Room(Socket):
    def init(self, state: Any) -> Ok:
        pubsub.subscribe(self, "room")
        return Ok(state)

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        verb, _, rest = payload.partition(" ")
        match verb:
            case "pid":
                return Reply(str(os.getpid()))
            case "say":
                pubsub.broadcast("room", rest)
            case "count":
                for number in range(int(rest)):
                    pubsub.broadcast_from(self, "room", f"{os.getpid()} {number}")
                return Reply("counted")
        return None

    def handle_info(self, message: Any) -> Push:
        return Push(message)


def pid(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]


endpoint = Endpoint(fallback=pid)
endpoint.socket("/room", Room, longpoll={"window": 2.0})
