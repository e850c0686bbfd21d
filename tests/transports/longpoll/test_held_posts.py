"""What waits in a session is bounded: POSTs that come meanwhile are held, unread, or told 503."""

from __future__ import annotations

from typing import Any

import gevent
import orjson
import pytest
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from actors import Endpoint, Socket
from tests.support.longpoll import Poller
from tests.support.raw import DEADLINE, Client, request
from tests.support.waiting import eventually
from tests.transports.longpoll.conftest import PATH
from transports.http import deadlines
from transports.http.options import HTTPOptions
from transports.longpoll.session_table import SessionTable
from transports.opening.mount import Mount

BOUND = 100_000
"""The bytes of the mailbox in these tests."""

LARGE = "none:" + "x" * (BOUND + 1)


@pytest.fixture
def full(poller: Any, talk: Any) -> Any:
    """Return a client whose socket is busy, with more than the bound in its mailbox."""

    def start(**options: Any) -> Poller:
        talk.mailbox_bytes = BOUND
        client = poller(**options)
        client.blocked = client.start_post("block:x", name="blocking")
        socket = talk.living[0]
        assert socket.entered.wait(DEADLINE)
        client.large = client.start_post(LARGE, name="large")
        eventually(lambda: not intake(client)._room and len(socket.transport._posts) == 2)
        return client

    return start


def sessions(client: Poller) -> list[Any]:
    return [each.session for each in client.served.server.routes.sessions.places.values()]


def intake(client: Poller) -> Any:
    return sessions(client)[0].intake


def held(client: Poller) -> int:
    return len(intake(client)._held or ())


def unread(client: Poller) -> list[int]:
    """How many bytes of requests are in memory, by connection."""
    return [stream.protocol._parser.buffered for stream in client.served.streams]


def post(client: Poller, name: str, size: int) -> Client:
    """Send a POST, in a greenlet as nobody may read it; return its connection."""
    connection = client.client(name)
    body = b"none:" + b"y" * (size - 5)
    data = request(client.target(), method="POST", body=body)
    gevent.spawn(_send, connection, data)
    return connection


def _send(connection: Client, data: bytes) -> None:
    try:
        connection.send(data)
    except OSError:
        pass  # it was answered before


def status(connection: Client) -> int:
    answer = connection.answer()
    assert answer.status == 200
    return int(orjson.loads(answer.body)["status"])


@pytest.mark.parametrize("size", [10, 200_000, 1_500_000])
def test_held_post_is_not_read_and_is_answered_when_it_was_handled(full, talk, size):
    client = full()
    connection = post(client, "held", size)
    eventually(lambda: held(client) == 1)
    assert max(unread(client)) <= 65_536
    assert len(talk.living[0].heard) == 1
    talk.living[0].release.set()
    assert status(connection) == 200
    assert len(talk.living[0].heard[-1][0]) == size
    assert intake(client).empty


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done for the requests since: ``"token"`` read, ``"handshake"`` checked."""
    done: list[str] = []
    for owner, method, name in ((SessionTable, "verify", "token"), (Mount, "open", "handshake")):
        original = getattr(owner, method)

        def counting(*args: Any, _name: str = name, _original: Any = original) -> Any:
            done.append(_name)
            return _original(*args)

        monkeypatch.setattr(owner, method, counting)
    return done


@pytest.mark.parametrize("whole", [True, False])
def test_token_and_handshake_of_a_post_are_checked_once(poller, checks, whole):
    client = poller()
    data = request(client.target(), method="POST", body=b"hello")
    checks.clear()
    connection = client.client("post")
    connection.send(data if whole else data[:-3])
    if not whole:
        eventually(lambda: not intake(client).empty)
        connection.send(data[-3:])
    assert status(connection) == 200
    assert sorted(checks) == ["handshake", "token"]


@pytest.mark.parametrize("size", [10, 200_000])
def test_handshake_of_a_held_post_is_checked_once(full, talk, checks, size):
    client = full()
    checks.clear()
    connection = post(client, "held", size)
    eventually(lambda: held(client) == 1)
    talk.living[0].release.set()
    assert status(connection) == 200
    assert checks.count("handshake") == 1


def test_held_posts_are_handled_in_the_order_in_which_they_came(full, talk):
    client = full()
    connections = []
    for number in range(5):
        connections.append(client.client(f"held {number}"))
        body = f"none:{number}".encode()
        connections[-1].send(request(client.target(), method="POST", body=body))
        eventually(lambda number=number: held(client) == number + 1)
    talk.living[0].release.set()
    assert [status(connection) for connection in connections] == [200] * 5
    assert [text for text, _ in talk.living[0].heard[2:]] == [f"none:{n}" for n in range(5)]


@pytest.mark.parametrize(("weight", "held_"), [(-1, False), (0, False), (1, True)])
def test_posts_are_held_when_more_than_the_bound_waits(poller, talk, weight, held_):
    client = poller()
    talk.mailbox_bytes = 10_000_000
    blocked = client.start_post("block:x", name="blocking")
    assert talk.living[0].entered.wait(DEADLINE)
    waits = intake(client)._bytes
    intake(client)._max_bytes = waits - weight
    second = client.start_post("none:", name="second")
    eventually(lambda: held(client) == 1 if held_ else intake(client)._messages == 2)
    talk.living[0].release.set()
    assert [each.get(timeout=DEADLINE) for each in (blocked, second)] == [{"status": 200}] * 2


@pytest.mark.parametrize("most", [1, 3, 8])
def test_posts_beyond_max_held_posts_are_503_without_a_body(full, talk, most):
    client = full(max_held_posts=most)
    connections = [post(client, f"held {number}", 1_000) for number in range(most)]
    eventually(lambda: held(client) == most)
    answer = post(client, "one too many", 1_000_000).answer()
    assert (answer.status, answer.body) == (503, b"")
    assert (answer.headers["retry-after"], answer.headers["connection"]) == ("1", "close")
    talk.living[0].release.set()
    assert [status(connection) for connection in connections] == [200] * most


def test_memory_is_the_bound_and_one_body_whatever_is_sent(full, talk):
    client = full()
    connections = [post(client, f"held {number}", 2_000_000) for number in range(30)]
    eventually(lambda: held(client) == 8)
    answers = [connection.answer() for connection in connections[8:]]
    assert {(answer.status, answer.body) for answer in answers} == {(503, b"")}
    assert intake(client)._bytes < BOUND + len(LARGE)
    assert sum(unread(client)) <= 8 * 65_536
    talk.living[0].release.set()
    assert [status(connection) for connection in connections[:8]] == [200] * 8


def test_held_post_is_408_after_a_window_and_what_waits_still_counts(full, talk):
    client = full(window=1.0)
    client.start_poll()  # which keeps the session for longer than the POSTs take
    connection = post(client, "held", 500_000)
    assert status(connection) == 408
    for answered in (client.blocked, client.large):
        assert answered.get(timeout=DEADLINE) == {"status": 408}
    again = post(client, "again", 1_000)
    eventually(lambda: held(client) == 1)
    talk.living[0].release.set()
    assert status(again) == 200


def test_the_window_of_a_held_post_goes_on_while_it_is_handled(full, talk):
    client = full(window=2.0)
    connection = client.client("held")
    connection.send(request(client.target(), method="POST", body=b"block:y"))
    eventually(lambda: held(client) == 1)
    due = intake(client)._held[0].waiting._due
    socket = talk.living[0]
    first, socket.release = socket.release, Event()
    first.set()
    eventually(lambda: len(socket.heard) == 3)
    (waiting,) = socket.transport._posts
    assert waiting.due == due
    assert status(connection) == 408
    socket.release.set()
    eventually(lambda: intake(client).empty)


def test_what_a_client_left_behind_counts(full, talk):
    client = full()
    client.client("large").reset()
    eventually(lambda: len(client.served.streams) == 2)
    connection = post(client, "held", 1_000)
    eventually(lambda: held(client) == 1)
    talk.living[0].release.set()
    assert status(connection) == 200


def test_post_whose_client_leaves_before_its_body_is_whole_gives_its_share_back(poller, talk):
    talk.mailbox_bytes = BOUND
    client = poller()
    head = f"POST {client.target()} HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\nhalf"
    client.client("half").send(head.encode())
    eventually(lambda: not intake(client).empty)
    client.client("half").close()
    eventually(lambda: intake(client).empty)
    assert client.post("next") == {"status": 200}


@pytest.mark.parametrize("reset", [False, True])
def test_held_post_whose_client_leaves_is_let_go(full, talk, reset):
    client = full(window=0.5 if not reset else 60.0)
    connection = post(client, "held", 1_000)
    eventually(lambda: held(client) == 1)
    if reset:
        connection.reset()
    else:
        connection.close()
    eventually(lambda: held(client) == 0)
    talk.living[0].release.set()
    eventually(lambda: intake(client).empty)
    assert [text for text, _ in talk.living[0].heard] == ["block:x", LARGE]


@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_no_deadline_of_a_request_runs_while_a_post_is_held(talk, full, size):
    client = full(window=60.0)
    connection = post(client, "held", size)
    eventually(lambda: held(client) == 1)
    protocol = intake(client)._held[0].waiting._http
    assert protocol._deadlines._whole == float("inf")
    assert protocol._deadlines._expired() is None
    talk.living[0].release.set()
    assert status(connection) == 200


def test_continue_is_sent_when_the_body_may_come(full, talk):
    client = full()
    connection = client.client("held")
    lines = ["Host: x", "Content-Length: 6", "Expect: 100-continue"]
    head = "\r\n".join([f"POST {client.target()} HTTP/1.1", *lines, "", ""])
    connection.send(head.encode())
    eventually(lambda: held(client) == 1)
    talk.living[0].release.set()
    assert connection.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(b"none:z")
    assert status(connection) == 200


def test_chunked_post_is_held_too(full, talk):
    client = full()
    connection = client.client("held")
    head = f"POST {client.target()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    connection.send(head.encode() + b"6\r\nnone:z\r\n0\r\n\r\n")
    eventually(lambda: held(client) == 1)
    talk.living[0].release.set()
    assert status(connection) == 200


@pytest.mark.parametrize(
    ("early", "late"),
    [(b"", b"3e8\r\n" + b"x" * 1_000 + b"\r\n1\r\n"), (b"3e9\r\n", b""), (b"", b"3e9\r\n")],
)
def test_chunked_post_is_read_up_to_max_body(poller, talk, early, late):
    client = poller(max_body=1_000)
    connection = client.client("chunked")
    head = request(client.target(), "Transfer-Encoding: chunked", method="POST")
    connection.send(head + early)
    if not early:
        eventually(lambda: not intake(client).empty)
    connection.send(late)
    answer = connection.answer()
    assert (answer.status, answer.headers["connection"]) == (413, "close")
    eventually(lambda: intake(client).empty)


def test_polls_go_on_while_posts_are_held(full, talk):
    client = full()
    connection = post(client, "held", 1_000)
    eventually(lambda: held(client) == 1)
    poll = client.start_poll()
    talk.living[0].release.set()
    assert poll.get(timeout=DEADLINE)["messages"] == ["unblocked x"]
    assert status(connection) == 200


@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_end_of_the_session_answers_held_posts_410(full, talk, size):
    client = full()
    connection = post(client, "held", size)
    eventually(lambda: held(client) == 1)
    talk.living[0].actor_ref.kill()
    assert status(connection) == 410
    talk.living[0].release.set()


def test_requests_behind_a_held_post_wait_and_are_answered_in_order(full, talk):
    client = full()
    connection = client.client("held")
    behind = request(client.target()) + request("/nowhere")
    connection.send(request(client.target(), method="POST", body=b"hello") + behind)
    eventually(lambda: held(client) == 1)
    talk.living[0].release.set()
    assert status(connection) == 200
    assert orjson.loads(connection.answer().body)["messages"] == ["unblocked x", "hello"]
    assert connection.answer().status == 404


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_held_post_is_503_without_a_body_where_the_server_waits_no_longer(
    full, talk, size, monkeypatch
):
    monkeypatch.setattr(deadlines, "QUIET", 0.01)
    client = full(window=60.0)
    connection = post(client, "held", size)
    eventually(lambda: held(client) == 1)
    client.served.server.connections.drain()
    answer = connection.answer()
    assert (answer.status, answer.body, answer.headers["connection"]) == (503, b"", "close")
    talk.living[0].release.set()
    eventually(lambda: intake(client).empty)
    assert [text for text, _ in talk.living[0].heard] == ["block:x", LARGE]


def test_drain_ends_held_posts(full, talk):
    client = full()
    connection = post(client, "held", 1_000_000)
    eventually(lambda: held(client) == 1)
    stopping = gevent.spawn(client.served.server.stop, 5.0)
    eventually(lambda: talk.living[0].actor_inbox.signals)
    talk.living[0].release.set()
    assert status(connection) == 410
    assert stopping.get(timeout=2 * DEADLINE)


class TestElsewhere:
    """The same for a session of another worker: ``there`` has the clients, ``here`` the session."""

    @pytest.fixture
    def busy(self, pair, talk):
        """Return both clients; the socket is busy, what is in its mailbox is from ``filler``."""

        def start(filler: str, **options: Any) -> tuple[Poller, Poller]:
            talk.mailbox_bytes = BOUND
            here, there = pair(**options)
            by = {"here": here, "there": there}[filler]
            by.blocked = by.start_post("block:x", name="blocking")
            assert talk.living[0].entered.wait(DEADLINE)
            by.large = by.start_post(LARGE, name="large")
            eventually(lambda: not intake(here)._room)
            return here, there

        return start

    def test_posts_to_it_are_held_unread_and_503_beyond(self, busy, talk):
        here, there = busy("there")
        connections = [post(there, f"held {number}", 1_500_000) for number in range(8)]
        book = self.book(there)
        eventually(lambda: len(book()._held) == 8)
        assert sum(unread(there)) <= 8 * 65_536
        assert (intake(here)._held, book()._bytes < 2 * BOUND + 1_000) == (None, True)
        answer = post(there, "one too many", 1_500_000).answer()
        assert (answer.status, answer.body) == (503, b"")
        talk.living[0].release.set()
        assert [status(connection) for connection in connections] == [200] * 8
        eventually(lambda: book().empty and intake(here).empty)

    def test_what_the_session_s_own_clients_have_there_counts(self, busy, talk):
        here, there = busy("here", max_body=170_000)
        connection = post(there, "relayed", 90_000)
        eventually(lambda: held(here) == 1)
        answer = post(there, "another", 90_000).answer()  # more than one body in all
        assert (answer.status, answer.body) == (503, b"")
        talk.living[0].release.set()
        assert status(connection) == 200
        assert [len(text) for text, _ in talk.living[0].heard] == [7, len(LARGE), 90_000]
        eventually(lambda: self.book(there)().empty and intake(here).empty)

    def test_small_posts_wait_in_the_session_s_worker(self, busy, talk):
        here, there = busy("here")
        connections = [post(there, f"held {number}", 100) for number in range(3)]
        eventually(lambda: held(here) == 3)
        talk.living[0].release.set()
        assert [status(connection) for connection in connections] == [200] * 3

    @pytest.mark.parametrize("filler", ["here", "there"])
    def test_held_post_is_408_after_a_window(self, busy, talk, filler):
        here, there = busy(filler, window=1.0)
        assert status(post(there, "held", 1_000)) == 408
        talk.living[0].release.set()
        # The session itself ends half a window later, as nobody polls.
        eventually(lambda: self.book(there)().empty and (not sessions(here) or intake(here).empty))

    @pytest.mark.parametrize("filler", ["here", "there"])
    def test_held_post_whose_client_leaves_is_let_go(self, busy, talk, filler):
        here, there = busy(filler)
        connection = post(there, "held", 1_000)
        book = self.book(there)
        eventually(lambda: held(here) if filler == "here" else book()._held)
        connection.reset()
        eventually(lambda: not held(here) and not book()._held)
        talk.living[0].release.set()
        eventually(lambda: book().empty and intake(here).empty)
        assert [len(text) for text, _ in talk.living[0].heard] == [7, len(LARGE)]

    def test_window_of_a_held_post_goes_on_in_the_session_s_worker(self, busy, talk):
        here, there = busy("there", window=2.0)
        connection = there.client("held")
        connection.send(request(there.target(), method="POST", body=b"block:y"))
        book = self.book(there)
        eventually(lambda: book()._held)
        due = book()._held[0].waiting._due
        socket = talk.living[0]
        first, socket.release = socket.release, Event()
        first.set()
        eventually(lambda: len(socket.heard) == 3)
        ((waiting,),) = [there.served.server.routes.relay._waiting.values()]
        assert waiting.share.due == due
        assert status(connection) == 408
        socket.release.set()
        eventually(lambda: intake(here).empty)

    def test_end_of_the_session_s_worker_answers_held_posts_410(self, pair, busy, talk):
        _, there = busy("there")
        connection = post(there, "held", 1_000_000)
        book = self.book(there)
        eventually(lambda: book()._held)
        pair.buses[0].close(flush=0)
        assert status(connection) == 410
        assert there.blocked.get(timeout=DEADLINE) == {"status": 410}
        talk.living[0].release.set()

    def test_books_on_sessions_that_nobody_uses_are_forgotten(self, pair):
        _, there = pair()
        distant = there.served.server.routes.relay
        assert there.post("x") == {"status": 200}
        place = there.served.server.routes.sessions.verify(there.token, 60.0)
        options = there.served.server.routes.endpoint.mounts[0].transports["longpoll"]
        for number in range(1_000):
            distant.intake(place._replace(session=str(number)), Socket, options)
        assert len(distant._intakes) <= 64

    @staticmethod
    def book(there: Poller) -> Any:
        books = there.served.server.routes.relay._intakes
        return lambda: next(iter(books.values()))


class Hosted:
    """The endpoint inside pywsgi, to be used as ``Served`` is."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.application = endpoint.wsgi()
        self.host = WSGIServer(
            ("127.0.0.1", 0), self.application, handler_class=WebSocketHandler, log=None
        )
        self.host.start()
        self.address = self.host.address
        self.server = self
        self.routes = self.application._routes


class TestInsidePywsgi:
    @pytest.fixture
    def full(self, talk):
        """Return a client as the ``full`` of our own server does."""
        running = []

        def start(*, http: Any = None, **options: Any) -> Poller:
            talk.mailbox_bytes = BOUND
            endpoint = Endpoint(secret_key_base=("s" * 32,), http=http or HTTPOptions())
            endpoint.socket("/lp", talk, websocket=False, longpoll={"window": 2.0, **options})
            hosted = Hosted(endpoint)
            client = Poller(hosted, PATH)
            running.append((hosted, client))
            client.open()
            client.blocked = client.start_post("block:x", name="blocking")
            assert talk.living[0].entered.wait(DEADLINE)
            client.large = client.start_post(LARGE, name="large")
            eventually(lambda: not intake(client)._room)
            return client

        yield start
        for hosted, client in running:
            client.close()
            hosted.host.stop()
            hosted.application.drain(0.5)

    @pytest.mark.parametrize("size", [10, 1_500_000])
    def test_held_post_is_answered_when_it_was_handled(self, full, talk, size):
        client = full()
        connection = post(client, "held", size)
        eventually(lambda: held(client) == 1)
        talk.living[0].release.set()
        assert status(connection) == 200
        assert len(talk.living[0].heard[-1][0]) == size
        eventually(lambda: intake(client).empty)

    def test_posts_beyond_max_held_posts_are_503_without_a_body(self, full, talk):
        client = full()
        connections = [post(client, f"held {number}", 500_000) for number in range(8)]
        eventually(lambda: held(client) == 8)
        answer = post(client, "one too many", 500_000).answer()
        assert (answer.status, answer.body) == (503, b"")
        talk.living[0].release.set()
        assert [status(connection) for connection in connections] == [200] * 8
        assert client.post("next", name="next") == {"status": 200}

    def test_held_post_is_408_after_a_window_and_what_waits_still_counts(self, full, talk):
        client = full(window=1.0)
        client.start_poll()  # which keeps the session for longer than the POSTs take
        connection = post(client, "held", 500_000)
        assert status(connection) == 408
        assert connection.read_to_end() == b""
        again = post(client, "again", 1_000)
        eventually(lambda: held(client) == 1)
        talk.living[0].release.set()
        assert status(again) == 200

    def test_held_post_whose_client_leaves_is_let_go(self, full, talk):
        client = full(window=60.0)
        connection = post(client, "held", 1_000)
        eventually(lambda: held(client) == 1)
        connection.reset()
        eventually(lambda: held(client) == 0)
        talk.living[0].release.set()
        eventually(lambda: intake(client).empty)

    def test_post_whose_body_never_comes_gives_its_share_back(self, full, talk):
        client = full(http=HTTPOptions(body_timeout=0.2))
        talk.living[0].release.set()
        eventually(lambda: intake(client).empty)
        connection = client.client("half")
        head = request(client.target(), "Content-Length: 500000", method="POST")
        connection.send(head + b"half")
        assert connection.answer().status == 408
        assert intake(client).empty

    def test_body_that_is_too_big_is_refused_before_it_comes(self, full, talk):
        client = full(max_body=200_000)
        connection = client.client("big")
        connection.send(request(client.target(), "Content-Length: 200001", method="POST"))
        assert connection.answer().status == 413
        talk.living[0].release.set()

    def test_chunked_body_that_is_too_big_is_refused(self, full, talk):
        client = full(max_body=200_000)
        talk.living[0].release.set()
        connection = client.client("big")
        head = request(client.target(), "Transfer-Encoding: chunked", method="POST")
        connection.send(head + b"30d41\r\n" + b"x" * 200_001 + b"\r\n")
        assert connection.answer().status == 413
        eventually(lambda: intake(client).empty)

    def test_drain_ends_held_posts(self, full, talk):
        client = full()
        connection = post(client, "held", 1_000_000)
        eventually(lambda: held(client) == 1)
        draining = gevent.spawn(client.served.application.drain, DEADLINE)
        talk.living[0].release.set()
        assert status(connection) == 410
        assert draining.get(timeout=DEADLINE)
