"""What exists once, on several machines with one Redis: never two, and how soon it is back."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from actors.endpoint.serving.lease import SECONDS
from tests.drills.journal import Journal
from tests.machines.test_embedded_machines import gunicorn
from tests.support.command import Command, Program
from tests.support.netns import Host
from tests.support.ports import unused_port
from tests.support.raw import TEXT, Client
from tests.support.redis_server import RedisServer
from tests.support.waiting import DEADLINE, eventually
from tests.transports.websocket.lab import say

APPLICATION = "tests.machines.app:once_endpoint"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

Start = Callable[..., Command]

TAKES = float(os.environ.get("ROOST_ONCE_WITHIN", "6"))
"""Seconds until it is there again on a machine that is busy; one that is not has it in two. After a
lease any machine may have it."""
assert TAKES < SECONDS


@pytest.fixture(scope="module")
def running() -> Iterator[RedisServer]:
    with RedisServer() as made:
        yield made


@pytest.fixture
def redis(running: RedisServer) -> RedisServer:
    """Return a Redis that has been there for as long as a lease, remembers, and has none."""
    running.start_if_ended()
    running.ask("SET", "roost:once:number", "0")
    running.ask("DEL", "roost:once")
    eventually(lambda: running.ask("INFO", "server")["uptime_in_seconds"] >= SECONDS, 60, pause=0.1)
    return running


@pytest.fixture
def machine(redis: RedisServer, tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(*options: str, workers: int = 2, url: str = redis.url, **rest: object) -> Command:
            environ = {**os.environ, "ONCE_PLACE": str(tmp_path)}
            command = Command(
                APPLICATION, "--redis", url, *options, workers=workers, env=environ, **rest
            )
            stack.enter_context(command)
            if workers:
                command.wait_for("workers? (is|are) ready")
            return command

        yield start


def ask(server: Program, text: str = "x") -> list[object] | None:
    """Return what exists once, as a worker that happens to be asked sees it; ``None``: nobody."""
    with Client(server.address) as client:
        assert client.upgrade("/ask/websocket").status == 101
        frame = say(client, text)
        found: list[object] | None = json.loads(frame.payload) if frame.opcode == TEXT else None
        return found


def agree(number: int, *servers: Program) -> None:
    """Wait until all see the same one."""
    for server in servers:
        eventually(lambda server=server: (ask(server) or [0, 0, 0])[2] == number, pause=0.02)


@pytest.mark.parametrize("workers", [0, 2])
def test_there_is_one_on_all_machines_and_each_reaches_it(machine, tmp_path, workers):
    one, two = machine(workers=workers), machine(workers=workers)
    journal = Journal(tmp_path)
    first = journal.wait()
    agree(first.number, one, two)
    owner, other = (one, two) if first.pid in group(one) else (two, one)
    began = time.monotonic()
    owner.signal(signal.SIGTERM)
    assert owner.ended() == 0
    second = journal.wait(first.number)
    assert second.pid in group(other)
    assert second.begin - began < TAKES
    agree(second.number, other)
    assert journal.wrong() == []


def test_a_sibling_takes_it_over_soon_and_no_other_machine(machine, tmp_path):
    one, two = machine(), machine()
    journal = Journal(tmp_path)
    found = journal.wait()
    owner = one if found.pid in group(one) else two
    for back in range(3):
        began = time.monotonic()
        os.kill(found.pid, signal.SIGKILL)
        after = journal.wait(found.number)
        assert after.begin - began < TAKES
        assert after.pid in group(owner)
        found = after
        owner.wait_for("is back: 2 of 2", back + 1)
    owner.signal(signal.SIGHUP)
    after = journal.wait(found.number)
    agree(after.number, one, two)
    assert journal.wrong() == []


def test_another_machine_has_it_when_the_lease_of_one_that_died_is_over(machine, tmp_path):
    one, two = machine(workers=1), machine(workers=1)
    journal = Journal(tmp_path)
    found = journal.wait()
    owner, other = (one, two) if found.pid in group(one) else (two, one)
    began = time.monotonic()
    os.kill(owner.process.pid, signal.SIGKILL)
    os.kill(found.pid, signal.SIGKILL)
    after = journal.wait(found.number)
    assert after.pid in group(other)
    assert after.begin - began < SECONDS + 2
    assert journal.wrong() == []


def test_a_machine_that_is_cut_off_ends_it_before_another_has_it(tmp_path):
    with ExitStack() as stack:
        hosts = [stack.enter_context(Host()) for _ in range(2)]
        port = unused_port(hosts[0].ours)
        options = ["--port", str(port), "--bind", *(each.ours for each in hosts)]
        redis = stack.enter_context(RedisServer(*options, "--protected-mode", "no"))
        redis.ask("SET", "roost:once:number", "0")
        eventually(
            lambda: redis.ask("INFO", "server")["uptime_in_seconds"] >= SECONDS, 60, pause=0.1
        )
        servers = [
            stack.enter_context(
                Command(
                    APPLICATION, "--redis", f"redis://{host.ours}:{port}", workers=1,
                    bind=f"{host.theirs}:0", prefix=host.prefix,
                    env={**os.environ, "ONCE_PLACE": str(tmp_path)},
                )
            )
            for host in hosts
        ]  # fmt: skip
        journal = Journal(tmp_path)
        found = journal.wait()
        place = 0 if found.pid in group(servers[0]) else 1
        began = time.monotonic()
        hosts[place].cut()
        after = journal.wait(found.number)
        assert after.begin - began < SECONDS + 2
        (before,) = [each for each in journal.read()[0] if each.number == found.number]
        assert before.ended
        assert after.begin - before.end > 0.5
        hosts[place].mend()
        servers[place].wait_for("linked again")
        agree(after.number, *servers)
        assert journal.wrong() == []


def test_without_redis_nobody_runs_it_and_it_is_back(machine, redis, tmp_path):
    one = machine(workers=1)
    journal = Journal(tmp_path)
    found = journal.wait()
    redis.kill()
    began = time.monotonic()
    one.wait_for("what exists once has ended here")
    assert time.monotonic() - began < SECONDS
    assert ask(one) is None
    redis.start()
    back = time.monotonic()
    after = journal.wait(found.number)  # it knows nothing, so a lease may last that it has lost
    assert SECONDS - 1 < after.begin - back < SECONDS + 8  # a busy machine may be late
    agree(after.number, one)
    assert journal.wrong() == []


@pytest.mark.parametrize("workers", [0, 1])
def test_a_worker_that_hangs_is_ended_before_another_machine_has_it(redis, tmp_path, workers):
    path = tmp_path / "hanging"

    def acts() -> list[tuple[int, int, float]]:
        lines = path.read_text().splitlines() if path.exists() else []
        return [(int(a), int(b), float(c)) for a, b, c in map(str.split, lines)]

    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(
                Command(
                    "tests.machines.app:hanging_endpoint", "--redis", redis.url, workers=workers,
                    env={**os.environ, "ONCE_PLACE": str(tmp_path)},
                )
            )  # fmt: skip
        number, pid, _ = eventually(acts, pause=0.05)[0]
        (tmp_path / f"hanging-{pid}").touch()
        eventually(lambda: acts()[-1][0] > number, 2 * SECONDS, pause=0.05)
    last = max(at for n, _, at in acts() if n == number)
    first = min(at for n, _, at in acts() if n > number)
    assert first > last
    assert first - last < SECONDS + 2


def test_one_of_gunicorns_processes_has_it(redis):
    with gunicorn(redis) as program:
        journal = Journal(redis.directory)
        eventually(lambda: ask(program), pause=0.05)
        found = journal.wait()
        agree(found.number, program)
        os.kill(found.pid, signal.SIGTERM)
        # A process of gunicorn has a tree from its first request on.
        eventually(lambda: (ask(program) or [0, 0, 0])[2] > found.number, pause=0.05)
        agree(journal.wait(found.number).number, program)
        assert journal.wrong() == []


def group(server: Program) -> set[int]:
    """Return the processes of a command: itself, and its children."""
    return {server.process.pid, *server.children()}


assert DEADLINE > SECONDS  # a journal's wait is longer than a lease
