"""While a server ends, a connection stays as long as a session that was used over it needs it."""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from tests.support.longpoll import Poller
from tests.support.raw import DEADLINE, Answer
from tests.support.waiting import eventually
from tests.transports.longpoll.conftest import PATH
from transports.http import deadlines

LONG = {"last_poll": 60.0, "grace": 200.0}
"""Options of an endpoint whose last polls have all the time of a test."""


def stopping(client: Poller) -> gevent.Greenlet:
    """Begin to stop the client's server, and come back when its connections know."""
    server = client.served.server
    stopped = gevent.spawn(server.stop, 120.0)
    eventually(lambda: all(stream.protocol.draining for stream in client.served.streams))
    return stopped


def ask(client: Poller, name: str, method: str = "GET", body: bytes = b"") -> tuple[Any, bool]:
    """Return what a request over the connection ``name`` is answered, and whether that closes."""
    answer: Answer = client.client(name).ask(client.target(), method=method, body=body)
    return client.adopt(answer), answer.headers.get("connection") == "close"


def ended(talk: Any) -> None:
    assert talk.living[0].ended_event.wait(DEADLINE)


def test_answer_keeps_the_connection_while_its_session_holds_something(poller, talk):
    client = poller(endpoint=LONG)
    assert client.post("kept") == {"status": 200}
    stopped = stopping(client)
    ended(talk)
    assert ask(client, "post", "POST", b"late") == ({"status": 410}, False)
    client.client("poll").close()  # as if it had been told to close before
    found, closes = ask(client, "post")
    assert (found["messages"], closes) == (["kept"], True)
    client.close()
    assert stopped.get(timeout=DEADLINE)


def test_answer_to_a_post_keeps_the_connection_that_its_reply_may_need(poller, talk):
    client = poller(endpoint=LONG)
    posted = gevent.spawn(ask, client, "post", "POST", b"block:x")
    assert talk.living[0].entered.wait(DEADLINE)
    stopped = stopping(client)
    talk.living[0].release.set()
    assert posted.get(timeout=DEADLINE) == ({"status": 200}, False)
    client.client("poll").close()
    found, closes = ask(client, "post")
    assert (found["messages"], closes) == (["unblocked x"], True)
    client.close()
    assert stopped.get(timeout=DEADLINE)


def test_poll_of_a_session_that_goes_on_keeps_the_connection(poller, talk):
    """It may still get something: its socket is at a message."""
    client = poller(endpoint=LONG, window=0.2)
    client.start_post("block:x")
    assert talk.living[0].entered.wait(DEADLINE)
    stopped = stopping(client)
    found, closes = ask(client, "poll")
    assert (found["status"], closes) == (204, False)
    talk.living[0].release.set()
    ended(talk)
    found, closes = ask(client, "poll")
    assert (found["messages"], closes) == (["unblocked x"], True)
    client.close()
    assert stopped.get(timeout=DEADLINE)


def test_connection_of_two_sessions_stays_for_the_one_that_needs_it(poller, talk):
    first = poller(endpoint=LONG)
    second = Poller(first.served, PATH)
    second.share(first)
    second.open()
    second.post("kept")
    stopped = stopping(first)
    eventually(lambda: all(socket.ended for socket in talk.living))
    assert ask(first, "poll") == ({"status": 500}, False)
    found, closes = ask(second, "poll")
    assert (found["messages"], closes) == (["kept"], True)
    first.close()
    assert stopped.get(timeout=DEADLINE)


def test_connection_that_no_session_needs_closes(poller, talk):
    client = poller(endpoint=LONG)
    client.post("none")
    assert client.client("other").ask("/nowhere").status == 404
    client.post("kept")
    stopped = stopping(client)
    answer = client.client("other").ask("/nowhere")
    assert answer.headers["connection"] == "close"
    assert ask(client, "poll")[0]["messages"] == ["kept"]
    client.close()
    assert stopped.get(timeout=DEADLINE)


def test_connection_closes_when_the_time_of_last_polls_is_over(poller, talk):
    client = poller(endpoint={"last_poll": 0.05})
    client.post("kept")
    stopped = stopping(client)
    (stream, *_) = client.served.streams
    eventually(lambda: stream.protocol._leaving)
    found, closes = ask(client, "post", "POST", b"late")
    assert (found["status"], closes) == (410, True)
    client.close()
    assert stopped.get(timeout=DEADLINE)


class TestElsewhere:
    """The session lives in another worker; the one with the connections ends."""

    @pytest.fixture
    def ending(self, pair, talk):
        """Return the client of the worker that ends, and the greenlet of that."""
        _, there = pair(endpoint=LONG)
        assert there.post("kept") == {"status": 200}
        return there, stopping(there)

    def test_connection_stays_until_the_session_is_known_to_be_lost(self, ending, talk):
        there, stopped = ending
        ended(talk)  # the sockets of both servers are of one class, in one process
        assert ask(there, "post", "POST", b"late") == ({"status": 410}, False)
        found, closes = ask(there, "post")
        assert (found["messages"], closes) == (["kept"], False)
        assert ask(there, "post") == ({"status": 500}, True)
        there.close()
        assert stopped.get(timeout=DEADLINE)

    def test_idle_connection_stays_when_it_is_quiet(self, pair, talk, monkeypatch):
        monkeypatch.setattr(deadlines, "QUIET", 0.01)
        _, there = pair(endpoint=LONG)
        assert there.post("kept") == {"status": 200}
        other = there.client("other")
        assert other.ask("/nowhere").status == 404
        stopped = stopping(there)
        assert other.read_to_end() == b""  # it was idle as long, and nobody needs it
        found, _ = ask(there, "post")
        assert found["messages"] == ["kept"]
        there.close()
        assert stopped.get(timeout=DEADLINE)

    def test_end_of_the_session_s_worker_lets_the_connection_go(self, ending, pair):
        there, stopped = ending
        pair.buses[1].set_peers([pair.buses[1].worker])
        assert ask(there, "post", "POST", b"late") == ({"status": 410}, True)
        there.close()
        assert stopped.get(timeout=DEADLINE)
