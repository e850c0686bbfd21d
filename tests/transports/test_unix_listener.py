"""Accepting on a Unix socket."""

from __future__ import annotations

import os
from pathlib import Path

import gevent
import pytest
from gevent import socket

from actors.runtime.dispatcher import get_dispatcher
from supervision.processes.unix_socket import Place, UnixSocket
from tests.support.listening import Recorder
from tests.support.waiting import eventually
from transports.tcp import unix_listener
from transports.tcp.unix_listener import UnixListener


@pytest.fixture
def served(tmp_path: Path, request: pytest.FixtureRequest):
    """A listener, and the protocols of its streams; ``any_user`` is the parameter."""
    made = UnixSocket.bind(Place(tmp_path / "x.sock"))
    protocols: list[Recorder] = []

    def open_(stream):
        protocols.append(Recorder(stream))
        return protocols[-1]

    listener = UnixListener(
        made.sock, get_dispatcher(), open_, any_user=request.param, max_connections=2
    )
    listener.start()
    yield listener, protocols
    listener.stop()
    for stream in list(listener.streams):
        stream.abort()
    made.end()


def connect(listener: UnixListener) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20.0)
    sock.connect(listener.address[0])
    return sock


@pytest.mark.parametrize("served", [False], indirect=True)
def test_a_process_of_our_user_is_served(served):
    listener, protocols = served
    with connect(listener) as sock:
        sock.sendall(b"hello")
        eventually(lambda: protocols)
        protocols[0].wait_for(b"hello")
        assert protocols[0].stream.peer == ("unix", 0)


@pytest.mark.parametrize("served", [False], indirect=True)
def test_a_process_of_another_user_is_closed(served, monkeypatch, caplog):
    listener, protocols = served
    monkeypatch.setattr(unix_listener, "peer_user", lambda sock: os.geteuid() + 1)
    with connect(listener) as sock:
        assert sock.recv(100) == b""
    assert protocols == []
    assert listener.streams == set()
    assert f"closed a connection of user {os.geteuid() + 1} to {listener.address[0]}" in caplog.text


@pytest.mark.parametrize("served", [True], indirect=True)
def test_any_user_may_be_let_in(served, monkeypatch):
    listener, protocols = served
    monkeypatch.setattr(unix_listener, "peer_user", lambda sock: os.geteuid() + 1)
    with connect(listener):
        eventually(lambda: protocols)


@pytest.mark.parametrize("served", [False], indirect=True)
def test_one_more_than_the_most_is_503(served):
    listener, protocols = served
    with connect(listener), connect(listener):
        eventually(lambda: len(protocols) == 2)
        with connect(listener) as third:
            assert third.recv(1000).startswith(b"HTTP/1.1 503 ")
    gevent.sleep(0)
