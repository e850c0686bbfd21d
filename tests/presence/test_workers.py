"""Presence over the workers of one machine: who sees whom, deaths, and reloads."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.presence.viewer import Viewer
from tests.support.command import Command
from tests.support.waiting import eventually

APPLICATION = "tests.presence.app:endpoint"

pytestmark = pytest.mark.slow


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def serve(stack: ExitStack, workers: int = 2, delay: float = 2.0) -> Command:
    environ = {**os.environ, "LEAVE_DELAY": str(delay)}
    server = stack.enter_context(Command(APPLICATION, workers=workers, env=environ))
    server.wait_for("workers are ready")
    return server


def test_clients_of_all_workers_see_each_other_come_change_and_go(stack: ExitStack) -> None:
    server = serve(stack)
    ann = stack.enter_context(Viewer(server, "ann"))
    bob = stack.enter_context(Viewer(server, "bob", not_by=ann.pid))
    for viewer in (ann, bob):
        viewer.wait_keys("ann", "bob")
    assert ann.view == bob.view == ann.list() == bob.list()
    bob.ask("update", {"busy": True})
    after = bob.list()["bob"]
    ann.wait(lambda view: view["bob"] == after)
    bob.client.leave()
    ann.wait_keys("ann")
    assert ann.left[0][0] == "bob"


def test_one_key_in_two_workers_is_there_until_both_have_left(stack: ExitStack) -> None:
    server = serve(stack)
    one = stack.enter_context(Viewer(server, "ann"))
    two = stack.enter_context(Viewer(server, "ann", not_by=one.pid))
    watcher = stack.enter_context(Viewer(server))
    watcher.wait(lambda view: len(view.get("ann", ())) == 2)
    two.ask("untrack")
    watcher.wait(lambda view: len(view["ann"]) == 1)
    one.ask("untrack")
    watcher.wait_keys()
    assert [key for key, _ in watcher.left] == ["ann"]


def test_a_killed_worker_takes_its_presences_along_and_each_leave_is_told_once(
    stack: ExitStack,
) -> None:
    server = serve(stack)
    watcher = stack.enter_context(Viewer(server))
    other = stack.enter_context(Viewer(server, "host", not_by=watcher.pid))
    other.ask("invite", {"count": 99, "word": "g"})
    watcher.wait(lambda view: len(view) == 100)
    killed = time.monotonic()
    os.kill(other.pid, signal.SIGKILL)
    eventually(lambda: not watcher.list(), 5, pause=0.01)
    gone_from_list = time.monotonic() - killed
    watcher.wait_keys()
    assert gone_from_list < 1.0 + 0.5  # a slow machine
    assert sorted(key for key, _ in watcher.left) == sorted(["host", *(f"g{n}" for n in range(99))])
    assert all(at - killed >= 2.0 for _, at in watcher.left)
    server.wait_for("is back: 2 of 2")
    fresh = stack.enter_context(Viewer(server, "eve", not_by=watcher.pid))
    for viewer in (watcher, fresh):
        viewer.wait_keys("eve")


def test_clients_of_a_killed_worker_that_come_back_never_leave(stack: ExitStack) -> None:
    server = serve(stack, delay=10.0)
    watcher = stack.enter_context(Viewer(server))
    names = [f"n{number}" for number in range(20)]
    theirs = [Viewer(server, name, not_by=watcher.pid) for name in names]
    watcher.wait_keys(*names)
    before = dict(watcher.view or {})
    os.kill(theirs[0].pid, signal.SIGKILL)
    back = [stack.enter_context(Viewer(server, name)) for name in names]
    watcher.wait(
        lambda view: view.keys() == set(names) and all(view[n] != before[n] for n in names)
    )
    watcher.wait(lambda view: all(len(of) == 1 for of in view.values()))
    assert watcher.left == []
    for viewer in [*theirs, *back[:1]]:
        viewer.client.client.close()


@pytest.mark.parametrize("rounds", [2])
def test_a_reload_under_clients_that_come_back_shows_nobody_a_leave(
    stack: ExitStack, rounds: int
) -> None:
    server = serve(stack, delay=10.0)
    names = [f"n{number}" for number in range(30)]
    clients = [Viewer(server, name) for name in names]
    watcher = stack.enter_context(Viewer(server))
    watcher.wait_keys(*names)
    missing: set[str] = set()
    for _ in range(rounds):
        old = {client.pid for client in clients}
        server.signal(signal.SIGHUP)
        for index, client in enumerate(clients):
            client.wait_close(1012)
            client.client.client.close()
            clients[index] = Viewer(server, names[index])
            while clients[index].view is None:
                clients[index].take()
            missing |= set(names) - (clients[index].view or {}).keys()
        watcher.wait_close(1012)
        assert watcher.left == []
        watcher = stack.enter_context(Viewer(server))
        watcher.wait_keys(*names)
        assert not old & {client.pid for client in clients}
        for pid in old:
            eventually(lambda pid=pid: not Path(f"/proc/{pid}").exists(), pause=0.01)
    assert missing == set(), "a state showed somebody as gone who was on the way"
    for client in clients:
        client.client.client.close()


def test_a_worker_that_is_stopped_and_goes_on_agrees_with_the_others(stack: ExitStack) -> None:
    server = serve(stack)
    one = stack.enter_context(Viewer(server, "ann"))
    two = stack.enter_context(Viewer(server, "bob", not_by=one.pid))
    one.wait_keys("ann", "bob")
    os.kill(two.pid, signal.SIGSTOP)
    try:
        one.ask("invite", {"count": 50, "word": "g"})
        one.wait(lambda view: len(view) == 52)
    finally:
        os.kill(two.pid, signal.SIGCONT)
    two.wait(lambda view: len(view) == 52)
    assert one.view == two.view
    assert (one.left, two.left) == ([], [])
