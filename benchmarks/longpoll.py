"""A socket that answers `wsload longpoll` as a channel would: joins and pings.

    python -m actors.endpoint benchmarks.longpoll:endpoint --bind 127.0.0.1:4000
    wsload longpoll --port 4000 -n 64 --pid PID

``server.cpu_us_per_op`` of the result is what one round trip, POST and GET, costs the server.
"""

import orjson

from actors import Endpoint, Opcode, Reply, Socket


class PingSocket(Socket):
    def handle_in(self, payload: str, opcode: Opcode) -> Reply:  # noqa: ARG002 - the hook's
        join_ref, ref, topic, _event, body = orjson.loads(payload)
        reply = [join_ref, ref, topic, "phx_reply", {"response": body, "status": "ok"}]
        return Reply(orjson.dumps(reply).decode())


endpoint = Endpoint()
endpoint.socket(
    "/socket",
    PingSocket,
    longpoll={"max_sessions": 100_000, "max_sessions_per_address": 100_000},
)
