"""An application that tells each client who it is, and what clients ask it."""

from __future__ import annotations

import os

from actors import Endpoint, Ok, Reply, Socket
from tests.support.raw import TEXT, Client, frame
from transports.http.response import Response

WEBSOCKET, LONGPOLL = "/who/websocket", "/who/longpoll"


class WhoSocket(Socket):
    """Its first message says the client's address, and what the client has called us."""

    @classmethod
    def connect(cls, info):
        uri, peer = info.connect_info["uri"], info.connect_info["peer_data"]
        return Ok(f"{peer['address']} {peer['port']} {uri.scheme}://{uri.host}:{uri.port}")

    def init(self, state):
        self.push(state)
        return Ok(state)

    def handle_in(self, payload, opcode):
        return Reply(str(os.getpid()) if payload == "pid" else payload, opcode=opcode)


def page(request, http):
    return Response(200, f"{request.peer[0]} {request.scheme}".encode())


def who(longpoll=True, transport_log=False, **options):
    """Return an endpoint with a socket at ``/who`` and a page; ``options`` are the endpoint's."""
    endpoint = Endpoint(secret_key_base="s" * 32, last_poll=0.01, **options)
    infos = ["uri", "peer_data"]
    endpoint.socket(
        "/who", WhoSocket, longpoll=longpoll, connect_info=infos, transport_log=transport_log
    )
    endpoint.page("/page", page)
    return endpoint


endpoint = who()


def by_websocket(client: Client, *lines: str, host: str | None = "localhost") -> str:
    """Return what the socket says over a WebSocket; the connection stays one."""
    answer = client.upgrade(WEBSOCKET, *lines, host=host)
    assert answer.status == 101, answer
    return client.frame().payload.decode()


def by_longpoll(client: Client, *lines: str, host: str | None = "localhost") -> str:
    """Return what a session of long polling is told."""
    answer = client.ask(LONGPOLL, *lines, host=host)
    assert answer.status == 200, answer
    opened = answer.json
    assert opened["status"] == 410, opened
    body = client.ask(f"{LONGPOLL}?token={opened['token']}", *lines, host=host).json
    assert body["status"] == 200, body
    (said,) = body["messages"]
    return said


def echoes(client: Client, text: str) -> str:
    """Return the answer of a WebSocket to ``text``."""
    client.send(frame(TEXT, text))
    return client.frame().payload.decode()
