"""Workers as clients see them: the command with several, over real connections.

What becomes of workers that are signalled, killed or stopped is shown by the drills.
"""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support import certificate
from tests.support.command import DEADLINE, Command
from tests.support.longpoll import Poller
from tests.support.raw import TEXT, Client, Frame, close_frame, frame
from tests.support.waiting import eventually
from tests.transports.websocket.lab import say

APP = "tests.actors.endpoint.workers_app:endpoint"
WEBSOCKET, LONGPOLL = "/room/websocket", "/room/longpoll"


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def server(stack: ExitStack) -> Command:
    return stack.enter_context(Command(APP, workers=2))


def connect(stack: ExitStack, server: Command, **rest: Any) -> tuple[int, Client]:
    """Return a connection, after the pid of the worker that has it."""
    client = stack.enter_context(Client(server.address, **rest))
    return int(client.ask("/pid").body), client


def each_worker(stack: ExitStack, server: Command, **rest: Any) -> dict[int, Client]:
    """Return a connection to each of the two workers, by their pids; waits until both serve."""
    found: dict[int, Client] = {}
    until = time.monotonic() + DEADLINE
    while len(found) < 2:
        assert time.monotonic() < until, f"all connections go to {len(found)} of 2 workers"
        pid, client = connect(stack, server, **rest)
        if found.setdefault(pid, client) is not client:
            client.close()
    return found


def in_room(stack: ExitStack, server: Command, **rest: Any) -> dict[int, Client]:
    """Return a client in the room of each worker."""
    clients = each_worker(stack, server, **rest)
    for client in clients.values():
        assert client.upgrade(WEBSOCKET).status == 101
        assert say(client, "pid").opcode == TEXT
    return clients


def test_what_is_broadcast_is_heard_in_every_worker(stack, server):
    one, other = in_room(stack, server).values()
    for speaker in (one, other, one):
        speaker.send(frame(TEXT, "say hello"))
        assert one.frame() == other.frame() == Frame(TEXT, b"hello")


def test_each_publisher_s_broadcasts_are_heard_in_order(stack, server):
    clients = in_room(stack, server)
    for client in clients.values():
        client.send(frame(TEXT, "count 500"))
    for pid, client in clients.items():
        heard = [client.frame().payload.decode() for _ in range(501)]
        heard.remove("counted")
        (other,) = clients.keys() - {pid}
        assert heard == [f"{other} {number}" for number in range(500)]


def test_a_worker_that_takes_the_place_of_a_killed_one_hears_and_is_heard(stack, server):
    clients = in_room(stack, server)
    (killed, lost), (_, kept) = clients.items()
    os.kill(killed, signal.SIGKILL)
    assert lost.read_to_end() == b""
    now = in_room(stack, server)
    assert len(now.keys() & clients.keys()) == 1
    for speaker in (kept, *now.values()):
        speaker.send(frame(TEXT, "say all here"))
        for client in (kept, *now.values()):
            assert client.frame() == Frame(TEXT, b"all here")


def test_where_the_workers_directory_is_removed_all_serve_on_and_a_reload_connects_them(
    stack, tmp_path
):
    environ = {**os.environ, "TMPDIR": str(tmp_path)}
    server = stack.enter_context(Command(APP, workers=2, env=environ))
    killed, other = each_worker(stack, server)
    (directory,) = tmp_path.glob("roost-*")
    shutil.rmtree(directory)
    os.kill(killed, signal.SIGKILL)
    server.wait_for("is back: 2 of 2 workers are ready")
    before = each_worker(stack, server)
    assert other in before
    server.signal(signal.SIGHUP)
    for client in before.values():
        assert client.read_to_end() == b""
    clients = in_room(stack, server)
    assert not clients.keys() & before.keys()
    for client in clients.values():
        client.send(frame(TEXT, "say hello"))
        for hearer in clients.values():
            assert hearer.frame() == Frame(TEXT, b"hello")
    for client in clients.values():
        client.close()
    server.signal(signal.SIGTERM)
    assert server.ended() == 0
    assert list(tmp_path.iterdir()) == []


def test_a_long_poll_session_is_reached_through_every_worker(stack, server):
    clients = each_worker(stack, server)
    for home in clients:
        poller = Poller(server, LONGPOLL)
        assert poller.poll(on=clients[home])["status"] == 410
        for client in clients.values():
            assert poller.post("pid", on=client) == {"status": 200}
            for _ in range(2):  # the second one lost the first's answer, and gets it again
                token = poller.token
                assert poller.poll(on=client)["messages"] == [str(home)]
                poller.token, token = token, poller.token
            poller.token = token


def test_a_poll_held_by_one_worker_gets_what_is_said_in_the_other(stack, server):
    clients = each_worker(stack, server)
    one, other = clients.values()
    poller = Poller(server, LONGPOLL)
    poller.poll(on=one)
    poller.begin_poll(on=other)
    assert one.upgrade(WEBSOCKET).status == 101
    assert say(one, "pid").opcode == TEXT
    one.send(frame(TEXT, "say to all"))
    assert poller.polled(on=other)["messages"] == ["to all"]


def test_a_session_whose_worker_was_killed_is_told_to_rejoin(stack, server):
    clients = each_worker(stack, server)
    (home, near), (_, other) = clients.items()
    poller = Poller(server, LONGPOLL)
    poller.poll(on=near)
    os.kill(home, signal.SIGKILL)
    assert near.read_to_end() == b""
    assert poller.poll(on=other)["status"] == 500
    assert poller.post("pid", on=other) == {"status": 410}


def test_worker_with_fewer_clients_gets_the_next_ones(stack, server):
    def spread(count):
        found = defaultdict(list)
        for _ in range(count):
            pid, client = connect(stack, server)
            found[pid].append(client)
        return found

    each_worker(stack, server)
    clients = spread(200)
    few, many = sorted(clients, key=lambda pid: len(clients[pid]))
    assert len(clients[many]) <= 2.5 * len(clients[few])
    for client in clients[few]:
        client.close()
    now = spread(50)
    assert len(now[few]) >= 35, f"{len(now[few])} of 50"


def test_workers_speak_tls(stack, tmp_path):
    made = certificate.make(tmp_path)
    files = ["--certfile", str(made), "--keyfile", str(made.with_suffix(".key"))]
    server = stack.enter_context(Command(APP, *files, workers=2))
    assert server.url.startswith("https://")
    trusting = ssl.create_default_context(cafile=str(made))
    one, other = in_room(stack, server, tls=trusting).values()
    one.send(frame(TEXT, "say hello"))
    assert one.frame() == other.frame() == Frame(TEXT, b"hello")


def test_workers_listen_on_ipv6(stack):
    server = stack.enter_context(Command(APP, bind="[::1]:0", workers=2))
    assert len(each_worker(stack, server)) == 2


def test_interrupt_tells_the_clients_of_every_worker_and_ends_with_0(stack, server):
    clients = in_room(stack, server)
    server.signal(signal.SIGINT)
    for client in clients.values():
        assert client.frame().code == 1012
        client.send(close_frame(1012))
    assert server.ended() == 0


def mask_of(pid, field):
    """A set of signals of a process, as proc(5) has it."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1], 16)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN])
def test_what_a_master_serves_does_not_end_it_before_it_can(number):
    command = Command(workers=1)
    bit, pid = 1 << (number - 1), command.process.pid
    held, served = (partial(mask_of, pid, field) for field in ("SigBlk:", "SigCgt:"))
    eventually(lambda: (held() | served()) & bit)  # there is no event for that
    assert held() & bit
    command.process.send_signal(number)
    with command, Client(command.address) as client:
        assert client.ask("/").status == 200
