"""A server that lies: what a real one cannot be made to do. It runs in threads of its own."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.utils import accept_key

from tests.support.waiting import DEADLINE


class Stub:
    """``url`` is where it serves; ``seen`` and ``codes`` are what clients sent, and closed with."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[Any] = []
        self.codes: list[int | None] = []
        self.connections = 0

    def answer(self, connection: ServerConnection, *, until: str = "") -> None:
        """Reply ok to what comes, until an event of this name has come."""
        while True:
            got = json.loads(connection.recv(DEADLINE))
            self.seen.append(got)
            if got[3] == until:
                return
            reply = {"status": "ok", "response": {}}
            connection.send(json.dumps([got[0], got[1], got[2], "phx_reply", reply]))


@contextmanager
def lying(play: Callable[[Stub, ServerConnection, int], None]) -> Iterator[Stub]:
    """Have each connection played: ``play(stub, connection, number)``, counted from 1."""

    def handle(connection: ServerConnection) -> None:
        stub.connections += 1
        try:
            play(stub, connection, stub.connections)
        except ConnectionClosed as error:
            stub.codes.append(error.rcvd and error.rcvd.code)

    with serve(handle, "127.0.0.1", 0, close_timeout=1) as server:
        host, port = server.socket.getsockname()
        stub = Stub(f"ws://{host}:{port}/socket")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join(DEADLINE)


def shake_hands(sock: socket.socket, *, echo: bool = False) -> None:
    """Accept a WebSocket; with ``echo`` all subprotocols that are offered, which nobody may."""
    request = sock.recv(65536)
    found = re.search(rb"Sec-WebSocket-Key: (\S+)", request)
    assert found is not None
    offered = re.search(rb"Sec-WebSocket-Protocol: .*\r\n", request) if echo else None
    head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
    head += "" if offered is None else offered[0].decode()
    sock.sendall(f"{head}Sec-WebSocket-Accept: {accept_key(found[1].decode())}\r\n\r\n".encode())


@contextmanager
def silent(
    play: Callable[[socket.socket], None] = lambda _: None, *, receive_buffer: int | None = None
) -> Iterator[str]:
    """Accept, have ``play`` do something with the socket, and say nothing more."""
    listener = socket.create_server(("127.0.0.1", 0))
    if receive_buffer is not None:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    accepted: list[socket.socket] = []

    def accept() -> None:
        with suppress(OSError):
            while True:
                accepted.append(listener.accept()[0])
                play(accepted[-1])

    thread = threading.Thread(target=accept)
    thread.start()
    host, port = listener.getsockname()
    try:
        yield f"ws://{host}:{port}/socket"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(DEADLINE)
        for each in (listener, *accepted):
            each.close()
