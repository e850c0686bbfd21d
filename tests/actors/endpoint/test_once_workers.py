"""What exists once, with a master: where it runs, and when it goes elsewhere.

That there are never two, and how soon it is back, is shown by drills.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from supervision.processes.channel import Channel
from supervision.processes.directory import Directory
from supervision.processes.fleet import Fleet, Timeouts
from supervision.processes.sockets import bind
from tests.support.command import DEADLINE, Command
from tests.support.raw import TEXT, Client
from tests.transports.websocket.lab import say

pytestmark = pytest.mark.slow  # of the Makefile's ELSEWHERE

APP = "tests.actors.endpoint.once_app:endpoint"


@contextmanager
def serving(tmp_path, workers=2, *arguments):
    environ = {**os.environ, "TMPDIR": str(tmp_path), "ONCE_PLACE": str(tmp_path)}
    with Command(APP, *arguments, workers=workers, env=environ) as server:
        server.wait_for("workers? (is|are) ready")
        yield server


def ask(server, text="where"):
    """Return the answer of a worker, or ``None`` where that one was told to go meanwhile."""
    with Client(server.address) as client:
        assert client.upgrade("/ask/websocket").status == 101
        frame = say(client, text)
        return json.loads(frame.payload) if frame.opcode == TEXT else None


def where(server, beyond=0):
    """Wait until it runs with a number over this; return the worker that was asked, pid, number."""
    until = time.monotonic() + DEADLINE
    while True:
        answer = ask(server)
        if isinstance(answer, list) and answer[2] > beyond:
            return answer
        assert time.monotonic() < until, answer
        time.sleep(0.01)


def test_it_is_found_from_each_worker_and_goes_with_the_file(tmp_path):
    with serving(tmp_path) as server:
        seen = set()
        until = time.monotonic() + DEADLINE
        while len(seen) < 2 and time.monotonic() < until:
            asked, *found = where(server)
            seen.add(asked)
        assert len(seen) == 2
        assert found[0] in seen
        assert list(tmp_path.glob("roost-once-*"))
        server.signal(signal.SIGTERM)
        assert server.ended() == 0
    assert list(tmp_path.iterdir()) == []


def test_it_goes_elsewhere_when_its_worker_is_retired(tmp_path):
    with serving(tmp_path) as server:
        _, pid, number = where(server)
        os.kill(pid, signal.SIGTERM)  # to the worker alone
        _, other, later = where(server, number)
        assert other != pid
        server.wait_for("is back: 2 of 2")
        server.signal(signal.SIGTTOU)  # which retires the last: the one that has it now
        assert where(server, later)[1] not in (pid, other)
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


def test_one_that_does_not_start_costs_no_worker_and_is_tried_elsewhere(tmp_path):
    (tmp_path / "fail").touch()
    with serving(tmp_path) as server:
        gave_up = r"\[(\d+)\] ERROR .* what exists once gave up here: .*ValueError"
        pids, count = set(), 0
        while len(pids) < 2:  # the first may try again before there is a second
            count += 1
            pids.add(server.wait_for(gave_up, count)[1])
        assert ask(server) == "ActorDeadError('nobody runs child')"
        (tmp_path / "fail").unlink()
        where(server)
        assert not [line for line in server.lines if "ended with" in line]
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


def test_one_that_blocks_at_its_end_holds_up_a_reload_no_longer_than_it_may(tmp_path):
    with serving(tmp_path) as server:
        _, pid, number = where(server)
        (tmp_path / "slow").touch()
        server.signal(signal.SIGHUP)
        _, other, _ = where(server, number)
        assert other != pid
        (tmp_path / "slow").unlink()
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


def test_reloads_within_reloads_move_it_and_leave_it_running(tmp_path):
    with serving(tmp_path) as server:
        _, _, number = where(server)
        for _ in range(3):
            server.signal(signal.SIGHUP)
            _, _, number = where(server, number)
        server.signal(signal.SIGTERM)
        assert server.ended() == 0


def test_workers_of_a_killed_master_let_the_next_one_have_it(tmp_path):
    with serving(tmp_path) as server:
        _, pid, number = where(server)
        server.signal(signal.SIGSTOP)
        os.kill(pid, signal.SIGSTOP)
        server.signal(signal.SIGKILL)
        host, port = server.address
        file = next(tmp_path.glob("roost-once-*"))
        done = subprocess.run(
            [sys.executable, "-c", HELD, str(file)], capture_output=True, text=True, check=True
        )
        assert done.stdout.split() == ["None"], "a stopped orphan keeps the others out"
        os.kill(pid, signal.SIGCONT)
        assert server.ended() == -signal.SIGKILL
    environ = {**os.environ, "TMPDIR": str(tmp_path), "ONCE_PLACE": str(tmp_path)}
    until = time.monotonic() + DEADLINE
    while True:
        try:
            bind(host, port).close()
            break
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.01)
    with Command(APP, bind=f"{host}:{port}", workers=1, env=environ) as again:
        assert where(again, number)[2] > number
        again.signal(signal.SIGTERM)
        assert again.ended() == 0


HELD = """
import sys
from pathlib import Path
from supervision.processes.once_file import OnceFile
OnceFile(Path(sys.argv[1])).acquire(print)
"""


def test_under_a_master_that_appoints_none_a_worker_says_so_and_runs_none(tmp_path, capfd):
    """A master of the release before this, as far as a worker knows it: it names no file."""
    options = {
        "application": APP, "certfile": None, "keyfile": None, "log_level": "info",
        "log_file": None, "grace": None, "heartbeat": 30.0, "secret": "s" * 48,
    }  # fmt: skip
    fleet = Fleet(
        "actors.endpoint.worker", [bind("127.0.0.1", 0)], options, Directory(tmp_path),
        Timeouts(), time.monotonic, "w",
    )  # fmt: skip
    process = fleet.start(1)
    try:
        facts = heard(fleet, process.channel, "ready")[1]
        assert "appoint" not in facts["understands"]
        process.channel.send("appoint")  # which it would not
        assert heard(fleet, process.channel, "resigned") == ["resigned", False]
        process.channel.send("stop", 5.0)
        assert os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1]) == 0
    finally:
        fleet.signal(process, signal.SIGKILL)
        fleet.forget(process.pid)
        fleet.directory.remove()
        fleet.listeners[0].close()
        fleet.selector.close()
    told = [line for line in capfd.readouterr().err.splitlines() if "WARNING" in line]
    assert len(told) == 1
    assert "child exists once and does not run in this worker" in told[0]


def heard(fleet: Fleet, channel: Channel, kind: str) -> list:
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        fleet.selector.select(1.0)
        for message in channel.receive():
            if message[0] == kind:
                return message
    pytest.fail(f"no {kind!r}")
