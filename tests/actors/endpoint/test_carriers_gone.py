"""A served endpoint of which every carrier is blocked in a handler: clients, and the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import gevent
import pytest
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from actors import Endpoint, HTTPOptions, Reply, Socket
from actors.reasons import KILLED, Shutdown
from actors.runtime import get_dispatcher
from tests.support.carriers import few_carriers
from tests.support.longpoll import Poller
from tests.support.raw import DEADLINE, TEXT, Answer, Client, frame, upgrade
from tests.support.server import serve
from tests.support.waiting import eventually

WS, LP = "/talk/websocket", "/talk/longpoll"
CARRIERS = 3


class Talk(Socket):
    """Echoes; stops at ``release`` where it is told to block."""

    living: list[Talk]
    release: Event
    slow = False

    def init(self, state: Any) -> Any:
        self.ends: list[Any] = []
        self.living.append(self)
        return super().init(state)

    def handle_in(self, payload: Any, opcode: Any) -> Reply:
        if payload == "block":
            self.release.wait()
        return Reply(payload, opcode)

    def terminate(self, reason: Any) -> None:
        self.ends.append(reason)
        if self.slow:
            self.release.wait()


@pytest.fixture
def talk() -> Iterator[type[Talk]]:
    made = type("Talk", (Talk,), {"living": [], "release": Event()})
    yield made
    made.release.set()


def page(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("Content-Length", "4")])
    return [b"page"]


def endpoint_of(talk: Any, *, patience: float = 30.0, shutdown: float = 1.0) -> Endpoint:
    endpoint = Endpoint(
        secret_key_base=("s" * 32,),
        http=HTTPOptions(header_timeout=patience),
        last_poll=0.01,
        fallback=page,
    )
    drainer = {"shutdown": shutdown}
    endpoint.socket("/talk", talk, longpoll={"window": 5.0}, drainer=drainer)
    return endpoint


@pytest.fixture
def clients() -> Iterator[list[Client]]:
    made: list[Client] = []
    yield made
    for client in made:
        client.close()


def connect(address: Any, clients: list[Client]) -> Client:
    client = Client(address)
    clients.append(client)
    assert client.upgrade(WS).status == 101
    return client


@pytest.fixture
def fill(clients: list[Client]) -> Any:
    """Block every carrier of what is served, by a client each; return these."""
    stack = ExitStack()

    def fill(address: Any) -> list[Client]:
        dispatcher = get_dispatcher()
        blocking = [connect(address, clients) for _ in range(CARRIERS)]
        stack.enter_context(few_carriers(dispatcher, CARRIERS))
        for client in blocking:
            client.send(frame(TEXT, "block"))
        eventually(lambda: dispatcher.blocked.full)
        return blocking

    with stack:
        yield fill
        eventually(lambda: not len(get_dispatcher().blocked))


def unavailable(answer: Answer) -> bool:
    return (answer.status, answer.body, answer.headers["retry-after"]) == (503, b"", "1")


@pytest.fixture(params=["own", "pywsgi"])
def address(request: pytest.FixtureRequest, talk: Any) -> Iterator[Any]:
    """Where the endpoint is served: by our own server, or inside pywsgi."""
    if request.param == "own":
        with serve(endpoint_of(talk)) as served:
            yield served.address
        return
    adapter = endpoint_of(talk).wsgi(page)
    server = WSGIServer(
        ("127.0.0.1", 0), adapter, handler_class=WebSocketHandler, log=None, error_log=None
    )
    server.start()
    yield server.address
    server.stop()
    adapter.drain(0.5)


class TestNewcomers:
    def test_handshakes_are_told_503(
        self, talk: Any, address: Any, fill: Any, clients: list[Client]
    ) -> None:
        blocking = fill(address)
        with Client(address) as client:
            assert unavailable(client.upgrade(WS))
        with Client(address) as client:
            assert unavailable(client.ask(LP))
        talk.release.set()
        assert [client.frame().payload for client in blocking] == [b"block"] * CARRIERS
        connect(address, clients)
        with Client(address) as client:
            assert client.ask(LP).status == 200

    def test_a_session_goes_on_when_a_handler_has_returned(
        self, talk: Any, address: Any, fill: Any
    ) -> None:
        class At:
            def __init__(self, address: Any) -> None:
                self.address = address

        poller = Poller(At(address), LP)  # type: ignore[arg-type]
        poller.open()
        fill(address)
        poll, post = poller.start_poll(), poller.start_post("hello")
        gevent.idle()
        assert not poll.ready()
        assert not post.ready()
        talk.release.set()
        assert post.get(timeout=DEADLINE)["status"] == 200
        assert poll.get(timeout=DEADLINE)["messages"] == ["hello"]
        poller.close()

    def test_pages_are_told_503(self, talk: Any, fill: Any) -> None:
        with serve(endpoint_of(talk)) as served:
            fill(served.address)
            with Client(served.address) as client:
                assert unavailable(client.ask("/page"))
            talk.release.set()
            with Client(served.address) as client:
                assert client.ask("/page").body == b"page"

    @pytest.mark.parametrize("hosted", [False, True], ids=["own", "pywsgi"])
    def test_a_request_that_was_queued_before_is_told_503_after_a_while(
        self, talk: Any, fill: Any, clients: list[Client], hosted: bool
    ) -> None:
        """It came when there was a carrier, and found none when its turn had come."""
        dispatcher = get_dispatcher()

        def queued(address: Any) -> None:
            fill(address)
            blocked = dispatcher.blocked
            blocked.full = False  # as the last handler is about to block
            with Client(address) as client:
                client.send(upgrade(WS))
                eventually(lambda: dispatcher.ready)
                blocked.full = True
                assert unavailable(client.answer())
            talk.release.set()

        endpoint = endpoint_of(talk, patience=0.05)
        if not hosted:
            with serve(endpoint) as served:
                queued(served.address)
                eventually(lambda: not served.streams or not dispatcher.ready)
            return
        adapter = endpoint.wsgi(page)
        server = WSGIServer(
            ("127.0.0.1", 0), adapter, handler_class=WebSocketHandler, log=None, error_log=None
        )
        server.start()
        queued(server.address)
        server.stop()
        adapter.drain(0.5)


class TestEnd:
    def test_everybody_is_told_1012(self, talk: Any, fill: Any, clients: list[Client]) -> None:
        with serve(endpoint_of(talk, shutdown=2.0)) as served:
            idle = [connect(served.address, clients) for _ in range(5)]
            queued = connect(served.address, clients)
            blocking = fill(served.address)
            queued.send(frame(TEXT, "waits"))
            eventually(lambda: get_dispatcher().ready)
            stopping = gevent.spawn(served.server.stop, 10.0)
            for client in [*idle, queued]:
                assert client.frame().code == 1012
                client.close()
            assert len(get_dispatcher().blocked) == CARRIERS  # so they were not in the way
            for client in blocking:
                assert client.frame().code == 1012
                client.close()
            assert stopping.get(timeout=DEADLINE) is False  # some were ended while busy
        ends = sorted(str(end) for socket in talk.living for end in socket.ends)
        assert ends == sorted([*[str(Shutdown("restart"))] * 6, *[str(KILLED)] * CARRIERS])

    def test_terminates_that_block_use_up_no_more_than_their_part(
        self, talk: Any, fill: Any, clients: list[Client], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        dispatcher = get_dispatcher()
        monkeypatch.setattr(dispatcher.ends, "size", 2)
        talk.slow = True
        with serve(endpoint_of(talk, shutdown=1.0)) as served:
            idle = [connect(served.address, clients) for _ in range(5)]
            fill(served.address)
            stopping = gevent.spawn(served.server.stop, 5.0)
            for client in clients:
                assert client.frame().code == 1012
                client.close()
            assert stopping.get(timeout=DEADLINE) is False
            assert len(idle) == 5
        talk.release.set()
        eventually(lambda: all(len(socket.ends) == 1 for socket in talk.living))
        eventually(lambda: dispatcher.ends.taken == 0)

    def test_one_that_is_served_meanwhile_is_polled(self, talk: Any, fill: Any) -> None:
        with serve(endpoint_of(talk)) as served:
            poller = Poller(served, LP)
            poller.open()
            poll = poller.start_poll()
            eventually(lambda: served.server.routes.sessions)
            fill(served.address)
            stopping = gevent.spawn(served.server.stop, 5.0)
            assert poll.get(timeout=DEADLINE)["status"] in (204, 410)
            stopping.get(timeout=DEADLINE)
            poller.close()
