"""What clients learn when the server around an application stops, asked over real sockets."""

from __future__ import annotations

from contextlib import ExitStack

import gevent
import pytest
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from actors import Endpoint, Reply, Socket
from tests.support.longpoll import Poller
from tests.support.raw import CLOSE, TEXT, Client, Frame, close_frame, frame
from tests.support.waiting import DEADLINE


class Echo(Socket):
    def handle_in(self, payload, opcode):
        return Reply(payload, opcode=opcode)


@pytest.fixture
def application():
    endpoint = Endpoint(secret_key_base=("s" * 32,))
    endpoint.socket("/echo", Echo, longpoll={"window": 2 * DEADLINE})
    made = endpoint.wsgi()
    yield made
    made.drain(0.5)


@pytest.fixture
def serving(application):
    """Return a function that starts another pywsgi server for the application."""
    with ExitStack() as stack:

        def start() -> WSGIServer:
            server = WSGIServer(
                ("127.0.0.1", 0), application, handler_class=WebSocketHandler, log=None
            )
            server.start()
            stack.callback(server.stop, 0.1)
            return server

        yield start


def connected(server: WSGIServer) -> Client:
    client = Client(server.address)
    assert client.upgrade("/echo/websocket").status == 101
    return client


def echoes(client: Client) -> bool:
    client.send(frame(TEXT, "hello"))
    return client.frame() == Frame(TEXT, b"hello")


def told_to_come_back(client: Client) -> bool:
    last = client.frame()
    client.send(close_frame(1012))
    return (last.opcode, last.code) == (CLOSE, 1012)


def test_clients_of_a_server_that_stops_are_told_and_a_held_poll_is_answered(serving):
    server = serving()
    poller = Poller(server, "/echo/longpoll")
    poller.open()
    polling = poller.start_poll()
    with connected(server) as client:
        assert echoes(client)
        server.close()
        assert told_to_come_back(client)
    # Long before its window is over; the next poll learns that the session has ended.
    assert polling.get(timeout=DEADLINE)["status"] == 204
    assert poller.poll()["status"] == 500
    poller.close()


def test_application_serves_on_in_another_server(serving):
    server = serving()
    with connected(server) as client:
        server.close()
        assert told_to_come_back(client)
    with connected(serving()) as client:
        assert echoes(client)


def test_one_server_that_stops_beside_another_ends_nobody(serving):
    one, other = serving(), serving()
    with connected(one) as client, connected(other) as neighbour:
        one.close()
        gevent.sleep(0.6)  # two looks
        assert echoes(client)
        assert echoes(neighbour)
        other.close()
        assert told_to_come_back(client)
        assert told_to_come_back(neighbour)
