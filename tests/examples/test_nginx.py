"""``examples/nginx.conf`` in the real nginx: both transports work through it."""

from __future__ import annotations

import pytest

from actors import Endpoint, Reply, Socket
from tests.support.longpoll import Poller
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
        opened = client.upgrade(
            "/echo/websocket", f"Origin: http://{host}:{port}", host=f"{host}:{port}"
        )
        assert opened.status == 101
        client.send(frame(TEXT, "hello"))
        assert client.frame() == Frame(TEXT, b"hello")


def test_poll_is_held_and_answered_through_it(proxied):
    served, address = proxied
    path = "/echo/longpoll"
    with Client(address, deadline=DEADLINE) as one, Client(address, deadline=DEADLINE) as two:
        poller = Poller(served, path)
        poller.poll(on=one)
        poller.begin_poll(on=one)
        assert poller.post("hi", on=two) == {"status": 200}
        body = poller.polled(on=one)
    assert (body["status"], body["messages"]) == (200, ["hi"])
    assert len(served.streams) <= 3  # they are kept alive


def test_sessions_behind_it_are_not_counted_as_of_one_address(proxied):
    served, address = proxied
    for _ in range(SESSIONS // 100):
        with Client(address, deadline=DEADLINE) as client:
            answers = [client.ask("/echo/longpoll").json for _ in range(100)]
        assert {answer["status"] for answer in answers} == {410}
    assert len(served.server.routes.sessions) == SESSIONS
