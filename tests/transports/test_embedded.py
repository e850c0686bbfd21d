"""The tree of an endpoint inside another server: children, watchers, what classes ask for."""

from __future__ import annotations

import logging
import re
import signal
from contextlib import contextmanager

import gevent
import pytest
from gevent.event import Event
from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

from actors import Actor, ConfigError, Endpoint, Ok, Reply, Socket, once, whereis
from supervision import ChildSpec
from tests.examples.test_flask_mount import gunicorn, running
from tests.support.raw import CLOSE, TEXT, Client, close_frame, frame

DEADLINE = 20.0
SECRET = "a secret of the tests, thirty-two characters"
WS = "/echo/websocket"


class Part(Actor):
    """Notes when it starts and stops; ``trouble`` is what its start does first."""

    def __init__(self, name, notes, trouble=lambda: None):
        super().__init__()
        self.name, self.notes, self.trouble = name, notes, trouble

    def on_start(self):
        self.trouble()
        self.notes.append(f"{self.name} starts")

    def on_receive(self, message):
        raise ValueError("told to crash")

    def terminate(self, reason):
        self.notes.append(f"{self.name} stops")


def part(name, notes, **rest):
    return ChildSpec(id=name, start=lambda: Part.start(name, notes, **rest), shutdown=2.0)


def endpoint_with(notes, **options):
    class Echo(Socket):
        @classmethod
        def child_spec(cls, options):
            return part("pool", notes)

        def init(self, state):
            notes.append("socket starts")
            return Ok(state)

        def handle_in(self, payload, opcode):
            return Reply(payload, opcode=opcode)

        def terminate(self, reason):
            notes.append("socket ends")

    options.setdefault("children", [part("child", notes)])
    options.setdefault("watchers", [part("watcher", notes)])
    endpoint = Endpoint(secret_key_base=SECRET_BASE, **options)
    endpoint.socket("/echo", Echo, longpoll={"window": 0.2})
    return endpoint


SECRET_BASE = (SECRET,)


def page(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"page"]


@contextmanager
def hosted(endpoint, **environ):
    adapter = endpoint.wsgi(page)
    server = WSGIServer(
        ("127.0.0.1", 0), adapter, handler_class=WebSocketHandler, log=None, environ=environ
    )
    server.start()
    try:
        yield server.address, adapter
    finally:
        server.stop()
        adapter.drain(1.0)


def echoed(client):
    assert client.upgrade(WS).status == 101
    client.send(frame(TEXT, "hello"))
    assert client.frame().payload == b"hello"


def test_the_tree_starts_at_the_first_request_once_and_ends_in_reverse():
    notes = []
    with hosted(endpoint_with(notes)) as (address, adapter):
        with Client(address) as client:
            assert client.ask("/").body == b"page"
        assert notes == []
        with Client(address) as first, Client(address) as second:
            echoed(first)
            echoed(second)
            started = ["child starts", "pool starts", "watcher starts"]
            assert notes == [*started, "socket starts", "socket starts"]
            draining = gevent.spawn(adapter.drain, DEADLINE)
            for client in (first, second):
                last = client.frame()
                assert (last.opcode, last.code) == (CLOSE, 1012)
                client.send(close_frame(1012))
            assert draining.get(timeout=DEADLINE) is True
        ends = ["watcher stops", "socket ends", "socket ends", "pool stops", "child stops"]
        assert notes[5:] == ends
        with Client(address) as client:
            assert client.upgrade(WS).status == 503


def test_start_starts_the_tree_before_any_request():
    notes = []
    endpoint = endpoint_with(notes)
    with hosted(endpoint) as (address, _):
        endpoint.start()
        assert notes == ["child starts", "pool starts", "watcher starts"]
        endpoint.start()
        with Client(address) as client:
            echoed(client)
        assert notes.count("child starts") == 1


def test_what_a_person_should_know_is_said_once_and_where_somebody_is_served(caplog, monkeypatch):
    monkeypatch.delenv("SECRET_KEY_BASE", raising=False)
    endpoint = Endpoint()
    endpoint.socket("/echo", Socket, longpoll=True)
    application = endpoint.wsgi(page)
    assert caplog.messages == []  # our own server may be what serves
    endpoint.start()
    endpoint.start()
    try:
        (said,) = [line for line in caplog.messages if "secret_key_base" in line]
    finally:
        application.drain(1.0)
    assert "made one for this boot" in said


def test_a_drain_ends_a_tree_that_no_request_has_reached():
    notes = []
    endpoint = endpoint_with(notes)
    with hosted(endpoint) as (_, adapter):
        endpoint.start()
        assert adapter.drain(DEADLINE) is True
        assert notes[-3:] == ["watcher stops", "pool stops", "child stops"]


def test_start_says_which_child_did_not_start():
    def fail():
        raise ValueError("no database")

    endpoint = endpoint_with([], children=[part("child", [], trouble=fail)])
    endpoint.wsgi()
    with pytest.raises(ConfigError, match=r"did not start: child 'child'.*ValueError: no"):
        endpoint.start()


def test_a_named_child_is_found_while_the_tree_runs_and_its_name_is_free_afterwards():
    notes = []
    named = ChildSpec(id="named", start=Part.start, args=("named", notes), name="embedded")
    first, second = (endpoint_with([], children=[named]) for _ in range(2))
    with hosted(first) as (address, _), Client(address) as client:
        assert whereis("embedded") is None
        echoed(client)
        ref = whereis("embedded")
        assert ref.actor_class is Part
        with hosted(second), pytest.raises(ConfigError, match="has the name 'embedded'"):
            second.start()
        assert whereis("embedded") is ref
    assert notes == ["named starts", "named stops"]
    assert whereis("embedded") is None
    with hosted(second) as (address, _), Client(address) as client:
        echoed(client)
        assert whereis("embedded") not in (None, ref)


def test_start_is_for_embedded_endpoints():
    with pytest.raises(RuntimeError, match=r"for an endpoint\.wsgi"):
        Endpoint().start()


def test_requests_that_come_while_the_tree_starts_wait_for_it():
    entered, release, notes = Event(), Event(), []

    def wait():
        entered.set()
        release.wait()

    endpoint = endpoint_with(notes, children=[part("child", notes, trouble=wait)])
    with hosted(endpoint) as (address, _), Client(address) as first, Client(address) as second:
        asking = [gevent.spawn(echoed, each) for each in (first, second)]
        assert entered.wait(DEADLINE)
        gevent.idle()
        assert notes == []
        release.set()
        gevent.joinall(asking, timeout=DEADLINE, raise_error=True)
        assert notes.count("child starts") == 1


def test_a_child_that_does_not_start_costs_the_pages_nothing_and_is_tried_again(caplog):
    broken, notes = [True], []

    def fail():
        if broken[0]:
            raise ValueError("no database")

    endpoint = endpoint_with(notes, children=[part("child", notes, trouble=fail)])
    with hosted(endpoint) as (address, _):
        for _ in range(3):
            with Client(address) as client:
                answer = client.upgrade(WS)
                assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            with Client(address) as client:
                assert client.ask("/").body == b"page"
        told = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
        tries = [line for line in told if "trying again in 1 s" in line]
        assert len(tries) == 1
        assert "ValueError: no database" in tries[0]
        broken[0] = False
        endpoint._embedded._again_at = 0.0
        with Client(address) as client:
            echoed(client)


def test_two_applications_of_one_endpoint_share_its_tree():
    notes = []
    endpoint = endpoint_with(notes)
    with hosted(endpoint) as (one, first), hosted(endpoint) as (two, second):
        with Client(one) as client:
            echoed(client)
            with Client(two) as other:
                echoed(other)
                assert notes.count("child starts") == 1
                draining = gevent.spawn(first.drain, DEADLINE)
                assert client.frame().code == 1012
                client.send(close_frame(1012))
                assert draining.get(timeout=DEADLINE) is True
                assert "child stops" not in notes
                other.send(frame(TEXT, "still here"))
                assert other.frame().payload == b"still here"
        assert second.drain(DEADLINE) is True
        assert notes[-1] == "child stops"


def test_several_processes_are_warned_of_once(caplog):
    with hosted(endpoint_with([]), **{"wsgi.multiprocess": True}) as (address, _):
        for _ in range(2):
            with Client(address) as client:
                echoed(client)
    told = [r.getMessage() for r in caplog.records if "several processes" in r.getMessage()]
    assert len(told) == 1
    assert "python -m actors.endpoint" in told[0]


def test_one_process_is_not_warned(caplog):
    with hosted(endpoint_with([])) as (address, _), Client(address) as client:
        echoed(client)
    assert "several processes" not in caplog.text


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "preload"])
def test_each_worker_of_gunicorn_starts_the_tree_once_and_ends_it(preload):
    command = [*gunicorn("flask_mount")[:-1], "-w", "1", *preload, "tests.transports.embedded_app"]
    with running(command) as server, Client(server.address, deadline=DEADLINE) as client:
        assert client.ask("/echo/longpoll").status == 200
        assert client.upgrade(WS).status == 101
        server.process.send_signal(signal.SIGTERM)
        assert client.frame().code == 1012
        client.send(close_frame(1012))
        client.read_to_end()
        assert server.end() == 0
    said = [found[1] for line in server.lines if (found := re.match(r"(.+) in \d+$", line))]
    started = ["child starts", "pool starts", "watcher starts"]
    assert said[:3] == started
    # Clients are sent away as soon as gunicorn has stopped listening, the tree ends behind that.
    assert sorted(said[3:6]) == ["socket ends", "socket ends", "watcher stops"]
    assert said[6:] == ["pool stops", "child stops"]
    pids = {line.rpartition(" ")[2] for line in server.lines if " in " in line and "starts" in line}
    assert len(pids) == 1


def test_what_exists_once_simply_runs_in_one_process():
    notes = []
    endpoint = endpoint_with(notes, children=[once(part("child", notes))])
    with hosted(endpoint) as (address, _), Client(address) as client:
        echoed(client)
        assert notes[0] == "child starts"
        assert repr(whereis("child")) == "<OnceRef 'child'>"


@pytest.mark.parametrize("early", [False, True])
def test_what_exists_once_is_refused_in_one_of_several_processes(early, caplog):
    notes = []
    endpoint = endpoint_with(notes, children=[once(part("child", notes))])
    with hosted(endpoint, **{"wsgi.multiprocess": True}) as (address, _):
        if early:  # before anything can be known
            endpoint.start()
        with Client(address) as client:
            assert client.upgrade(WS).status == 503
        with Client(address) as client:
            assert client.ask("/").body == b"page"
    assert notes.count("child starts") == notes.count("child stops") == early
    told = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert any("once(...) needs one process, a master or a Redis" in line for line in told)
    assert "Traceback" not in caplog.text
