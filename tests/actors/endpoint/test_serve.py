"""What a program does with a server: serve until an end is asked for, once or more often."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import gevent
import pytest
from gevent.event import Event

from actors import Actor, Endpoint
from actors.endpoint.serving.server import Server
from actors.schedule import SERVER_AT_ONCE, WORKER_AT_ONCE
from supervision import ChildSpec
from supervision.processes.sockets import bind

DEADLINE = 20.0


class Slow(Actor):
    """Takes all the time that it gets to end."""

    def terminate(self, reason):
        Event().wait()


def slow() -> Endpoint:
    return Endpoint(grace=60.0, children=[ChildSpec(id="slow", start=Slow.start, shutdown=None)])


@contextmanager
def serving(endpoint: Endpoint) -> Iterator[tuple[Server, gevent.Greenlet]]:
    """Serve, and give the greenlet whose value is the exit status."""
    server, ready = Server(endpoint, bind("127.0.0.1", 0)), Event()
    running = gevent.spawn(server.serve, ready.set)
    assert ready.wait(DEADLINE)
    try:
        yield server, running
    finally:
        server.ask("the test", 0.1)
        running.join(DEADLINE)


def test_it_serves_until_it_is_asked_to_end():
    with serving(Endpoint()) as (server, running):
        assert server.left == float("inf")
        server.ask("SIGTERM", 5.0)
        assert 4.0 < server.left <= 5.0
        assert running.get(timeout=DEADLINE) == 0


def test_of_several_wishes_the_one_that_is_due_first_counts():
    with serving(slow()) as (server, running):
        began = time.monotonic()
        server.ask("SIGTERM", 60.0)
        gevent.idle()
        server.ask("orphaned", 0.5)
        server.ask("SIGTERM", 60.0)
        assert server.left <= 0.5
        assert running.get(timeout=DEADLINE) == 0
        assert 0.3 < time.monotonic() - began < 5.0


@pytest.mark.parametrize("during", [False, True], ids=["first", "during a stop"])
def test_an_end_at_once_leaves_its_server_less_than_the_process_has(during):
    with serving(slow()) as (server, running):
        if during:
            server.ask("SIGTERM", 60.0)
            gevent.idle()
        began = time.monotonic()
        server.ask("SIGQUIT", WORKER_AT_ONCE, at_once=True)
        assert running.get(timeout=DEADLINE) == 0
        assert time.monotonic() - began < SERVER_AT_ONCE + 5.0


def test_a_start_that_is_called_off_is_an_orderly_end():
    entered = Event()

    class Starts(Actor):
        def on_start(self):
            entered.set()
            Event().wait()

    server = Server(Endpoint(children=[Starts]), bind("127.0.0.1", 0))
    told = []
    running = gevent.spawn(server.serve, lambda: told.append("ready"))
    assert entered.wait(DEADLINE)
    server.ask("SIGTERM", 60.0)
    assert running.get(timeout=DEADLINE) == 0
    assert told == []


def test_a_tree_that_gives_up_has_status_1_and_no_time_left():
    class Broken(Actor):
        def on_receive(self, message):
            raise RuntimeError("boom")

    born = []

    def start():
        born.append(Broken.start())
        if len(born) > 1:
            born[-1].tell("again")
        return born[-1]

    with serving(Endpoint(watchers=[ChildSpec(id="broken", start=start)])) as (server, running):
        born[0].tell("crash")
        assert running.get(timeout=DEADLINE) == 1
        assert server.left == 0.0
