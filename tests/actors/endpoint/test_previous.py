"""SIGHUP is the way to new code: what exists once moves on where both codes know of it.

A master of earlier code starts workers of later code, and the other way round. That they serve, and
lose nothing, is the drill ``old-and-new``, which uses the same (:mod:`tests.support.previous`).
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from contextlib import closing

import pytest

from tests.drills import app_codes
from tests.support.command import DEADLINE, Command
from tests.support.previous import NEW, OLD, Exchange, NoEarlierCodeError, fetch
from tests.support.raw import Client


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    """Return a directory with the earlier code."""
    try:
        return fetch(tmp_path_factory.mktemp("previous"))
    except NoEarlierCodeError as error:
        pytest.skip(str(error))


def client_of(command, code):
    """Return a kept connection to a worker of this code, as soon as there is one."""
    until = time.monotonic() + DEADLINE
    while True:
        client = Client(command.address)
        if client.ask("/").body.decode() == code:
            return client
        client.close()
        assert time.monotonic() < until, f"no worker of the {code} code: {command.lines}"


def knows_once(tree):
    return (tree / "actors/once_child.py").exists()


@pytest.mark.parametrize(("first", "then"), [(OLD, NEW), (NEW, OLD)])
def test_what_exists_once_runs_where_the_master_and_the_worker_know_of_it(
    old, tmp_path, first, then
):
    shutil.copy(app_codes.__file__, tmp_path / "app.py")
    exchange = Exchange(tmp_path, old, first)
    environ = {**os.environ, "PYTHONPATH": str(exchange.link)}
    with Command("app:endpoint", workers=1, cwd=tmp_path, env=environ) as command:
        exchange.to(then)
        command.signal(signal.SIGHUP)
        with closing(client_of(command, then)) as client:
            known = [knows_once(exchange.trees[each]) for each in (first, then)]
            until = time.monotonic() + DEADLINE
            while all(known) and client.ask("/once").body != b"runs":
                assert time.monotonic() < until
            if known == [False, True]:
                command.wait_for("Child exists once and does not run in this worker")
                assert client.ask("/once").body == b"ActorDeadError"
        if known[1]:
            told = [line for line in command.lines if "does not run in this worker" in line]
            assert len(told) == (0 if known[0] else 1)
        command.signal(signal.SIGTERM)
        assert command.ended() == 0
        odd = ("roost.worker: the master said", "what nobody understands", "Traceback")
        assert not [line for line in command.lines if any(word in line for word in odd)]
