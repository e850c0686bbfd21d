"""A socket that answers `wsload`'s Phoenix modes as a channel would, and an echo.

    python -m actors.endpoint benchmarks.room:endpoint --bind 127.0.0.1:4000 --workers 2
    wsload fanout --port 4000 -n 1000 --window 2 --pid PID
    wsload longpoll --port 4000 -n 64 --pid PID
    wsload echo --port 4000 --path /echo/websocket --pid PID

``server.cpu_us_per_op`` of the result is what one operation costs the server: a delivery, a round
trip of POST and GET, an echo.
"""

import orjson

from actors import Endpoint, Opcode, Push, Reply, Socket, pubsub


class RoomSocket(Socket):
    """Whoever joins a topic hears what is shouted there, in whichever worker."""

    def handle_in(self, payload: str, opcode: Opcode) -> Reply:  # noqa: ARG002 - the hook's
        join_ref, ref, topic, event, body = orjson.loads(payload)
        if event == "phx_join":
            pubsub.subscribe(self, topic)
        elif event == "shout":
            text = orjson.dumps([None, None, topic, event, body]).decode()
            pubsub.broadcast(topic, text)
        reply = [join_ref, ref, topic, "phx_reply", {"response": body, "status": "ok"}]
        return Reply(orjson.dumps(reply).decode())

    def handle_info(self, message: str) -> Push:
        return Push(message)


class EchoSocket(Socket):
    def handle_in(self, payload: str, opcode: Opcode) -> Reply:
        return Reply(payload, opcode=opcode)


endpoint = Endpoint()
endpoint.socket(
    "/socket",
    RoomSocket,
    longpoll={"max_sessions": 100_000},
)
endpoint.socket("/echo", EchoSocket)
