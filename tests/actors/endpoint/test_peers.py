"""A worker is told who the others are, by masters of this release and of a later one."""

from __future__ import annotations

import selectors
import socket
import time

import pytest

from actors.packets import FrameReader
from supervision.processes.directory import Directory
from supervision.processes.fleet import Fleet, Timeouts
from supervision.processes.sockets import bind
from tests.support.command import DEADLINE

OPTIONS = {
    "application": "actors.endpoint.demo:endpoint", "certfile": None, "keyfile": None,
    "log_level": "warning", "log_file": None, "grace": None, "heartbeat": 30.0, "secret": "s" * 48,
}  # fmt: skip


@pytest.fixture
def fleet():
    """A fleet whose workers are real ones, as a master starts them."""
    directory = Directory()
    sockets = [bind("127.0.0.1", 0)]
    module = "actors.endpoint.command.worker"
    made = Fleet(module, sockets, OPTIONS, directory, Timeouts(), time.monotonic, "w")
    yield made
    for process in made:
        made.stop_now(process, DEADLINE)
        process.channel.sock.setblocking(True)
        while not process.channel.closed:
            list(process.channel.receive())
        made.forget(process.pid)
    made.selector.close()
    for sock in sockets:
        sock.close()
    directory.remove()


def hear(process, wanted):
    """Return the first message of that name."""
    with selectors.DefaultSelector() as selector:
        selector.register(process.channel, selectors.EVENT_READ)
        until = time.monotonic() + DEADLINE
        while not process.channel.closed and time.monotonic() < until:
            selector.select(until - time.monotonic())
            for message in process.channel.receive():
                if message[0] == wanted:
                    return message
    raise AssertionError(f"no {wanted}")


@pytest.mark.parametrize("more", [(), ({},), ({"later": [1]},)])
def test_worker_links_to_the_peers_whatever_else_is_said_of_them(fleet, more):
    with socket.socket(socket.AF_UNIX) as peer:
        peer.bind(str(fleet.directory.path / "peer"))
        peer.listen()
        peer.settimeout(DEADLINE)
        process = fleet.start(0)
        assert "peers_map" in hear(process, "ready")[1]["understands"]
        process.channel.send("peers", [process.name, "peer"], *more)
        connection, _ = peer.accept()
        with connection:
            connection.settimeout(DEADLINE)
            (greeting,) = FrameReader().feed(connection.recv(4096))
    assert greeting == ["roost.bus.2", process.name, 1, {"published": 0}]
