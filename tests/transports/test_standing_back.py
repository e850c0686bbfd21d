"""Listeners that share a socket: who leaves clients to whom, and that nobody is refused."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from supervision.processes.load import LoadShare
from tests.support.listening import listening
from tests.support.raw import Client
from tests.support.waiting import eventually
from transports.tcp import patience
from transports.tcp.listener import BUSY

NEVER = 60.0


@pytest.fixture
def shared(tmp_path):
    """Return a function that makes one more listener on the same socket."""
    LoadShare.create(tmp_path / "load")
    made = []
    with ExitStack() as stack:

        def make(**options):
            sock = made[0].listener._sock.dup() if made else None
            load = LoadShare(tmp_path / "load", len(made) + 1)
            made.append(stack.enter_context(listening(sock=sock, load=load, **options)))
            return made[-1]

        yield make


@pytest.fixture
def waits(monkeypatch):
    """Have patience last for so many seconds."""
    return lambda seconds: monkeypatch.setattr(patience, "PATIENCE", seconds)


@pytest.fixture
def connect(shared):
    with ExitStack() as stack:
        yield lambda to: stack.enter_context(Client(to.address))


def test_one_that_stands_back_leaves_every_client_to_the_other(shared, waits, connect):
    waits(NEVER)
    old, new = shared(), shared()
    old.listener.stand_back(True)
    for count in range(1, 21):
        connect(old)
        new.newest(count)
    assert old.protocols == []


def test_one_that_stands_back_no_longer_accepts_as_before(shared, waits, connect):
    waits(NEVER)
    old, new = shared(), shared()
    old.listener.stand_back(True)
    new.listener.pause()
    connect(old)
    eventually(lambda: not old.listener._accepting)  # it has seen that somebody waits
    old.listener.stand_back(False)
    assert old.newest(1)
    connect(old)
    assert old.newest(2)
    assert new.protocols == []


@pytest.mark.parametrize("others", ["hang", "are gone"])
def test_one_that_stands_back_takes_whom_nobody_takes(shared, waits, connect, others):
    waits(0.1)
    old, new = shared(), shared()
    old.listener.stand_back(True)
    if others == "hang":
        new.listener.pause()
    else:
        new.listener.stop()
    for count in range(1, 6):
        connect(old)
        assert old.newest(count)


def test_patience_does_not_run_while_nobody_waits(shared, waits, connect):
    waits(NEVER)
    old, new = shared(), shared()
    old.listener.stand_back(True)
    connect(old)
    new.newest(1)
    eventually(lambda: old.listener._patience._seen is None)


def test_full_one_leaves_clients_to_one_that_has_room(shared, waits, connect):
    waits(NEVER)
    full, other = shared(max_connections=2), shared(max_connections=10)
    other.listener.pause()
    connect(full)
    connect(full)
    full.newest(2)
    waiting = connect(full)
    eventually(lambda: not full.listener._accepting)
    other.listener.start()
    other.newest(1)
    assert waiting.sock.fileno() >= 0
    assert len(full.protocols) == 2


def test_full_one_leaves_clients_to_one_that_stands_back(shared, waits, connect):
    waits(0.5)
    old, full = shared(max_connections=3), shared(max_connections=2)
    old.listener.stand_back(True)
    connect(full)
    connect(full)
    full.newest(2)
    connect(full)
    old.newest(1)
    assert len(full.protocols) == 2


def test_where_all_are_full_who_comes_is_told_503_at_once(shared, waits, connect):
    waits(NEVER)
    one, two = shared(max_connections=1), shared(max_connections=1)
    one.listener.pause()
    connect(one)
    two.newest(1)
    one.listener.start()
    connect(one)
    one.newest(1)
    assert connect(one).read_to_end() == BUSY


def test_full_one_whose_others_take_nobody_says_503(shared, waits, connect):
    waits(0.1)
    full, other = shared(max_connections=1), shared(max_connections=10)
    other.listener.pause()
    connect(full)
    full.newest(1)
    assert connect(full).read_to_end() == BUSY
