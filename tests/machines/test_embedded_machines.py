"""Processes of gunicorn, which nothing links but a Redis: each counts as a machine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.machines.test_machines import V2, Poll
from tests.support.channels import ChannelClient
from tests.support.command import Program
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

WORKER = "geventwebsocket.gunicorn.workers.GeventWebSocketWorker"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@contextmanager
def gunicorn(redis: RedisServer, *options: str) -> Iterator[Program]:
    """Run gunicorn with two workers; its ``address`` is where it listens."""
    command = [
        "-m", "gunicorn", "-k", WORKER, "-w", "2", "-b", "127.0.0.1:0", "--no-control-socket",
        "--graceful-timeout", "5",  # a worker that boots when it is told to end does not hear that
        *options, "tests.machines.app:application()",
    ]  # fmt: skip
    with Program(
        *command, env={**os.environ, "REDIS_URL": redis.url, "ONCE_PLACE": str(redis.directory)}
    ) as program:
        port = program.wait_for(r"Listening at: http://127\.0\.0\.1:(\d+)")[1]
        program.address = ("127.0.0.1", int(port))
        yield program
        program.signal(signal.SIGTERM)
        assert program.ended() == 0


def in_each_process(program: Program) -> list[ChannelClient]:
    """Return a client in each of the two processes."""
    found: dict[int, ChannelClient] = {}

    def both() -> bool:
        client = ChannelClient(program.address, V2)
        status, response = client.join("room:1")
        assert status == "ok"
        if response["pid"] in found:
            client.client.close()
        else:
            found[response["pid"]] = client
        return len(found) == 2

    eventually(both, pause=0.01)
    return list(found.values())


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "preload"])
def test_processes_reach_each_other(redis, options):
    with gunicorn(redis, *options) as program:
        clients = in_each_process(program)
        assert len({each["name"] for each in redis.clients()}) == 2
        assert not any("several processes" in line for line in program.lines)
        for number, client in enumerate(clients):
            assert client.ask("room:1", "say", {"number": number})[0] == "ok"
        for client in clients:
            assert sorted(client.event("said")["number"] for _ in clients) == [0, 1]
        poll = Poll(program)  # its requests land in either process
        poll.send("1", "1", "room:1", "phx_join", {})
        assert poll.next()[3] == "phx_reply"
        for number in range(10, 20):
            poll.move(program)
            clients[number % 2].send("room:1", "say", {"number": number})
            assert poll.next()[4] == {"number": number}
        poll.poller.close()
        for client in clients:
            client.client.close()
    assert redis.clients() == []
