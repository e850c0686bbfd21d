"""Presence on several machines with one Redis: who sees whom, and what an outage shows."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.presence.viewer import Viewer
from tests.support.cable import Cable
from tests.support.command import Command
from tests.support.ports import unused_port
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

APPLICATION = "tests.presence.app:endpoint"
DOWN = 10.0
"""Seconds of silence after which a machine's entries are hidden."""

DELAY = 2.0
"""Seconds that a lost leave waits."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

Start = Callable[..., Command]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


@pytest.fixture
def machine(redis: RedisServer, stack: ExitStack) -> Start:
    def start(workers: int = 2, url: str = redis.url) -> Command:
        environ = {**os.environ, "LEAVE_DELAY": str(DELAY)}
        command = Command(APPLICATION, "--redis", url, workers=workers, env=environ)
        return stack.enter_context(command)

    return start


@pytest.fixture
def enter(stack: ExitStack) -> Callable[..., Viewer]:
    return lambda *given, **named: stack.enter_context(Viewer(*given, **named))


def processes(server: Command) -> list[int]:
    """Return the command's process and its workers."""
    return [server.process.pid, *server.children()]


def agree(*viewers: Viewer) -> None:
    """Wait until all list the same, and have been told so."""

    def alike() -> bool:
        listed = [viewer.list() for viewer in viewers]
        return all(each == listed[0] for each in listed)

    eventually(alike, 5.0, pause=0.05)
    listed = viewers[0].list()
    for viewer in viewers:
        viewer.wait(lambda view: view == listed)


def test_clients_of_all_machines_see_each_other_come_change_and_go(machine, enter):
    one, two = machine(), machine(workers=0)
    ann = enter(one, "ann")
    bob = enter(two, "bob")
    for viewer in (ann, bob):
        viewer.wait_keys("ann", "bob")
    agree(ann, bob)
    bob.ask("update", {"busy": True})
    after = bob.list()["bob"]
    ann.wait(lambda view: view["bob"] == after)
    ann.ask("invite", {"count": 200, "word": "g"})
    bob.wait(lambda view: len(view) == 202)
    late = enter(machine(workers=1))  # a machine that joins is told within two beats
    late.wait(lambda view: len(view) == 202)
    agree(ann, bob, late)
    bob.ask("untrack")
    for viewer in (ann, late):
        viewer.wait(lambda view: "bob" not in view)
        assert [key for key, _ in viewer.left] == ["bob"]


def test_a_killed_worker_is_gone_on_other_machines_too(machine, enter):
    one, two = machine(), machine()
    watcher = enter(two)
    host = enter(one, "host")
    host.ask("invite", {"count": 99, "word": "g"})
    watcher.wait(lambda view: len(view) == 100)
    killed = time.monotonic()
    os.kill(host.pid, signal.SIGKILL)
    eventually(lambda: not watcher.list(), 5, pause=0.01)
    assert time.monotonic() - killed < 3 * 1.0  # a slow machine
    watcher.wait_keys()
    assert len(watcher.left) == 100
    assert all(at - killed >= DELAY for _, at in watcher.left)


def test_a_killed_worker_that_was_alone_is_gone_when_the_next_one_serves(machine, enter):
    one, two = machine(workers=1), machine(workers=0)
    watcher, ann = enter(two), enter(one, "ann")
    watcher.wait_keys("ann")
    os.kill(ann.pid, signal.SIGKILL)
    one.wait_for("is back: 1 of 1")
    eventually(lambda: not watcher.list(), 2, pause=0.02)
    watcher.wait_keys()
    ann.client.client.close()


def test_a_machine_that_stops_says_goodbye(machine, enter):
    one, two = machine(workers=1), machine(workers=1)
    watcher, ann = enter(two, "bob"), enter(one, "ann")
    watcher.wait_keys("ann", "bob")
    one.signal(signal.SIGTERM)
    ann.wait_close(1012)
    ann.client.client.close()
    assert one.ended() == 0
    eventually(lambda: list(watcher.list()) == ["bob"], 2, pause=0.02)
    watcher.wait_keys("bob")


def test_a_machine_that_died_is_hidden_after_its_silence(machine, enter):
    one, two = machine(workers=1), machine(workers=1)
    watcher, ann = enter(two, "bob"), enter(one, "ann")
    watcher.wait_keys("ann", "bob")
    for pid in processes(one):
        os.kill(pid, signal.SIGKILL)
    died = time.monotonic()
    watcher.wait_keys("bob")
    after = watcher.left[0][1] - died
    assert DOWN - 2.5 < after < DOWN + DELAY + 5
    ann.client.client.close()


@pytest.mark.parametrize("outage", ["kill", "stop"])
def test_an_outage_of_redis_is_no_mass_leave(machine, enter, redis, outage):
    one, two = machine(), machine(workers=0)
    ann, bob = enter(one, "ann"), enter(two, "bob")
    for viewer in (ann, bob):
        viewer.wait_keys("ann", "bob")
    (redis.kill if outage == "kill" else redis.stop)()
    over = time.monotonic() + DOWN + 3
    ann.ask("invite", {"count": 5, "word": "g"})  # of one's own machine one hears meanwhile
    ann.wait(lambda view: len(view) == 7)
    eventually(lambda: time.monotonic() > over, DOWN + 10, pause=0.1)
    redis.start_if_ended()
    bob.wait(lambda view: len(view) == 7)
    agree(ann, bob)
    assert (ann.left, bob.left) == ([], [])


def test_a_process_that_was_stopped_is_hidden_and_back(machine, enter):
    one, two = machine(workers=1), machine(workers=0)
    ann, bob = enter(one, "ann"), enter(two, "bob")
    for viewer in (ann, bob):
        viewer.wait_keys("ann", "bob")
    two.signal(signal.SIGSTOP)
    try:
        ann.wait_keys("ann")
    finally:
        two.signal(signal.SIGCONT)
    ann.wait_keys("ann", "bob")
    agree(ann, bob)
    assert bob.left == [], "who was late itself holds it against nobody"


def test_a_link_that_carries_one_way_alone_is_mended(machine, enter, stack):
    port = redis_port(stack)
    cable = stack.enter_context(Cable(("127.0.0.1", port)))
    host, carried = cable.address
    one = machine(workers=1, url=f"redis://127.0.0.1:{port}")
    two = machine(workers=1, url=f"redis://{host}:{carried}")
    ann, bob = enter(one, "ann"), enter(two, "bob")
    for viewer in (ann, bob):
        viewer.wait_keys("ann", "bob")
    cable.hold_answers()
    # Who hears nothing holds its link for dead after a while, and then says nothing either.
    eventually(lambda: list(ann.list()) == ["ann"], 2 * DOWN + 15, pause=0.2)
    ann.wait_keys("ann")
    ann.ask("invite", {"count": 5, "word": "g"})
    cable.cut()
    cable.mend()
    ann.wait(lambda view: len(view) == 7)
    bob.wait(lambda view: len(view) == 7)
    agree(ann, bob)


def redis_port(stack: ExitStack) -> int:
    """Return the port of a Redis of its own."""
    port = unused_port()
    stack.enter_context(RedisServer("--port", str(port), "--bind", "127.0.0.1"))
    return port
