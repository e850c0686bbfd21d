"""``examples/nginx.conf`` in the real nginx: both transports work through it."""

from __future__ import annotations

import gevent
import orjson
import pytest

from actors import Endpoint, Reply, Socket
from tests.support.nginx import nginx
from tests.support.raw import TEXT, Client, Frame, frame
from tests.support.server import serve

DEADLINE = 20.0
SESSIONS = 1_100


class EchoSocket(Socket):
    def handle_in(self, payload, opcode):
        return Reply(payload, opcode=opcode)


@pytest.fixture
def proxied(tmp_path):
    """Return the server, and the address of an nginx in front of it."""
    endpoint = Endpoint(secret_key_base=("s" * 32,), last_poll=0.01, grace=5.0)
    endpoint.socket("/echo", EchoSocket, longpoll=True)
    with serve(endpoint) as served, nginx(tmp_path, served.address) as address:
        yield served, address


def test_websocket_echoes_through_it_from_a_page_of_the_same_host(proxied):
    _, (host, port) = proxied
    with Client((host, port), deadline=DEADLINE) as client:
        page = {"host": f"{host}:{port}", "origin": f"http://{host}:{port}"}
        lines = [f"{name}: {value}" for name, value in page.items()]
        client.send(_upgrade("/echo/websocket", lines))
        assert client.answer().status == 101
        client.send(frame(TEXT, "hello"))
        assert client.frame() == Frame(TEXT, b"hello")


def _upgrade(target, lines):
    head = [
        f"GET {target} HTTP/1.1",
        *lines,
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    return "\r\n".join([*head, "", ""]).encode()


def test_poll_is_held_and_answered_through_it(proxied):
    served, address = proxied
    path = "/echo/longpoll"
    with Client(address, deadline=DEADLINE) as one, Client(address, deadline=DEADLINE) as two:
        token = orjson.loads(one.ask(path).body)["token"]
        target = f"{path}?token={token}"
        poll = gevent.spawn(one.ask, target)
        assert orjson.loads(two.ask(target, method="POST", body=b"hi").body) == {"status": 200}
        body = orjson.loads(poll.get(timeout=DEADLINE).body)
    assert (body["status"], body["messages"]) == (200, ["hi"])
    assert len(served.streams) <= 3  # they are kept alive


def test_sessions_behind_it_are_not_counted_as_of_one_address(proxied):
    served, address = proxied
    for _ in range(SESSIONS // 100):
        with Client(address, deadline=DEADLINE) as client:
            answers = [orjson.loads(client.ask("/echo/longpoll").body) for _ in range(100)]
        assert {answer["status"] for answer in answers} == {410}
    assert len(served.server.routes.sessions) == SESSIONS
