"""Channels in server processes: signals, several workers, and the death of one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.channels.stage import V2, Peer, Polled, closed, error, reply
from tests.support.command import Command
from tests.support.waiting import eventually

APPLICATION = "tests.channels.app:endpoint"
TOPIC = "room:1"

pytestmark = pytest.mark.slow


@pytest.fixture
def server() -> Iterator[Command]:
    with Command(APPLICATION) as command:
        yield command


@pytest.fixture
def workers() -> Iterator[Command]:
    with Command(APPLICATION, workers=2) as command:
        yield command


class Crowd:
    """Clients, which are closed after the test."""

    def __init__(self) -> None:
        self.peers: list[Any] = []

    def connect(self, server: Any, kind: type[Any] = Peer) -> Any:
        self.peers.append(kind(server, V2))
        return self.peers[-1]

    def come_in(self, server: Any, topic: str = TOPIC, ref: str = "1") -> tuple[Any, int]:
        """Join; return the client and the process that serves it."""
        peer = self.connect(server)
        peer.send(ref, ref, topic, "phx_join")
        got = peer.recv()
        assert got[:4] == (ref, ref, topic, "phx_reply")
        return peer, got[4]["response"]["pid"]

    def in_each_worker(self, server: Any) -> dict[int, Any]:
        """Return a client in each of the two workers."""
        found: dict[int, Any] = {}

        def both() -> bool:
            peer, pid = self.come_in(server)
            if pid in found:
                peer.close()
            found.setdefault(pid, peer)
            return len(found) == 2

        eventually(both)
        return found


@pytest.fixture
def crowd() -> Iterator[Crowd]:
    made = Crowd()
    yield made
    for peer in made.peers:
        peer.close()


def test_sigterm_says_farewell_to_every_channel_once(server: Command, crowd: Crowd) -> None:
    peers = [crowd.come_in(server)[0] for _ in range(3)]
    server.signal(signal.SIGTERM)
    for peer in peers:
        peer.expect(("1", None, TOPIC, "farewell", {}))
        peer.closes(1012)
    assert server.ended() == 0
    ends = [line for line in server.lines if line.startswith("ended")]
    assert ends == ["ended room:1 1 Shutdown(detail='draining')"] * 3


def test_sigterm_does_not_wait_for_ever_for_a_handler_that_blocks(
    server: Command, crowd: Crowd
) -> None:
    peer, _ = crowd.come_in(server)
    peer.send("1", "2", TOPIC, "block")
    server.wait_for("blocks")
    server.signal(signal.SIGTERM)
    peer.closes(1012)
    assert server.ended() == 0
    assert [line for line in server.lines if line.startswith("ended")] == [
        "ended room:1 1 Killed()"
    ]


def test_sigterm_ends_a_join_that_blocks(server: Command, crowd: Crowd) -> None:
    peer = crowd.connect(server)
    peer.send("1", "1", "room:join", "phx_join")
    server.wait_for("joins")
    server.signal(signal.SIGTERM)
    peer.expect(error("1", "1", "room:join", "join cancelled"))
    peer.closes(1012)
    assert server.ended() == 0
    assert [line for line in server.lines if line.startswith("ended")] == []


def test_sigterm_cancels_a_join_that_waits_for_another(server: Command, crowd: Crowd) -> None:
    peer, _ = crowd.come_in(server, "room:last")
    peer.send("1", "2", "room:last", "phx_leave")
    peer.expect(reply("1", "2", "room:last"), closed("1", "room:last"))
    peer.send("3", "3", "room:last", "phx_join")
    peer.beat()
    server.signal(signal.SIGTERM)
    while (got := peer.recv())[1] != "3":
        assert got[3] == "phx_close"
    assert got == error("3", "3", "room:last", "join cancelled")
    peer.closes(1012)
    assert server.ended() == 0


def test_broadcasts_reach_the_clients_of_other_workers_over_each_transport(
    workers: Command, crowd: Crowd
) -> None:
    found = list(crowd.in_each_worker(workers).values())
    polled = crowd.connect(workers, Polled)
    polled.send("1", "1", TOPIC, "phx_join")
    polled.recv()
    for number in range(50):
        found[number % 2].send("1", None, TOPIC, "shout", {"by": number % 2, "n": number})
    for peer in (*found, polled):
        got = [peer.recv() for _ in range(50)]
        for publisher in (0, 1):
            mine = [each[4]["n"] for each in got if each[4]["by"] == publisher]
            assert mine == list(range(publisher, 50, 2))


def test_the_death_of_a_worker_leaves_the_clients_of_the_other_alone(
    workers: Command, crowd: Crowd
) -> None:
    found = crowd.in_each_worker(workers)
    dead, alive = found
    os.kill(dead, signal.SIGKILL)
    with pytest.raises((EOFError, ConnectionError)):
        found[dead].recv()
    found[alive].send("1", "2", TOPIC, "shout", {"n": 1})
    found[alive].expect((None, None, TOPIC, "shout", {"n": 1}), reply("1", "2", TOPIC))

    def served_again() -> bool:
        peer, pid = crowd.come_in(workers, ref="9")
        peer.close()
        return pid not in found

    eventually(served_again)
    new = [peer for peer, pid in (crowd.come_in(workers) for _ in range(20)) if pid != alive]
    found[alive].send("1", "3", TOPIC, "shout", {"n": 2})
    for peer in new:
        peer.expect((None, None, TOPIC, "shout", {"n": 2}))
    workers.signal(signal.SIGTERM)
    assert workers.ended() == 0
