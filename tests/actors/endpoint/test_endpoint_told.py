"""What an endpoint tells of its own life."""

from __future__ import annotations

from typing import Any

import pytest
from gevent.event import Event

from actors import ConfigError, Endpoint, Socket
from actors.reasons import Failure
from actors.runtime import Actor
from supervision import ChildSpec
from supervision.processes.sockets import bind
from tests.support.raw import Client
from tests.support.server import Server, serve
from tests.support.told import telling
from tests.support.waiting import DEADLINE

LIFE = ("endpoint.start", "endpoint.stop", "endpoint.failed")


class Stubborn(Socket):
    def handle_in(self, payload: Any, opcode: Any) -> None:
        Event().wait()


class Unable(Actor):
    def on_start(self) -> None:
        raise ConfigError("there is no such table")


def test_a_start_and_an_orderly_stop_are_told():
    with telling(*LIFE) as told:
        with serve(Endpoint()) as served:
            [(started, about)] = told.of("endpoint.start")
        [(stopped, after)] = told.of("endpoint.stop")
    assert started["duration"] >= 0
    assert about == {"addresses": (served.address,), "workers": 0}
    assert stopped["orderly"] == 1
    assert after == {**about, "reason": "stop"}
    assert told.names() == ["endpoint.start", "endpoint.stop"]


def test_a_stop_that_cuts_a_client_off_is_not_orderly():
    endpoint = Endpoint()
    endpoint.socket("/s", Stubborn)
    with telling(*LIFE) as told:
        with serve(endpoint, budget=0.5) as served, Client(served.address) as client:
            client.upgrade("/s/websocket")
            client.send(b"\x81\x82\x00\x00\x00\x00hi")
            served.server.stop(0.5)
        assert told.of("endpoint.stop")[0][0]["orderly"] == 0
    assert len(told.of("endpoint.stop")) == 1


def test_a_signal_is_the_reason_of_a_stop():
    server = Server(Endpoint(), bind("127.0.0.1", 0), workers=3)
    with telling(*LIFE) as told:
        server.dispatcher.timers.call_later(0.0, lambda: server.ask("SIGTERM", 5.0))
        assert server.serve(lambda: None) == 0
    assert told.of("endpoint.stop")[0][1]["reason"] == "SIGTERM"
    assert {about["workers"] for _, _, about in told} == {3}


def test_a_start_that_fails_is_told_with_why_and_has_no_stop():
    server = Server(
        Endpoint(children=[ChildSpec(id="table", start=Unable.start)]), bind("127.0.0.1", 0)
    )
    with telling(*LIFE) as told:
        with pytest.raises(ConfigError):
            server.start()
        server.stop(1.0)
    [(measured, about)] = told.of("endpoint.failed")
    assert measured["duration"] >= 0
    assert about["reason"] == "there is no such table"
    assert told.names() == ["endpoint.failed"]


def test_a_start_that_is_called_off_is_no_failure():
    server = Server(Endpoint(), bind("127.0.0.1", 0))
    with telling(*LIFE) as told:
        server.ask("SIGTERM", 5.0)
        server._lifetime.cancel_start()
        assert server.serve(lambda: None) == 0
    assert told == []


def test_a_tree_that_gives_up_is_told():
    server = Server(Endpoint(), bind("127.0.0.1", 0))
    with telling(*LIFE) as told:
        server.start()
        root = server._lifetime._root_actor()
        root.actor_ref.exit(Failure("no more"))
        assert server.failed.get(timeout=DEADLINE)
        told.wait("endpoint.failed")
        server.stop(1.0)
    assert told.names() == ["endpoint.start", "endpoint.failed"]
    assert told.of("endpoint.failed")[0][1]["reason"] == server.failed.value


def test_an_endpoint_inside_another_server_tells_the_same():
    endpoint = Endpoint()
    endpoint.socket("/s", Stubborn)
    application = endpoint.wsgi()
    with telling(*LIFE) as told:
        endpoint.start()
        application._host.enter(application, lambda seconds: True)
        assert application.drain(1.0)
    assert told.names() == ["endpoint.start", "endpoint.stop"]
    [(measured, about)] = told.of("endpoint.stop")
    assert measured["orderly"] == 1
    assert about == {"addresses": (), "workers": 0, "reason": "stop"}
