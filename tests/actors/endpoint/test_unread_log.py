"""A log that nobody reads: who serves, who is served and who ends do not notice."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from contextlib import contextmanager, suppress

import pytest

from tests.support import raw
from tests.support.command import DEADLINE, ROOT, Command
from tests.support.ports import unused_port

APP = "tests.actors.endpoint.unread_app:endpoint"
GRACE = 2.0
"""Seconds: ``unread_app``."""


def fill(fd):
    """Leave no room in a pipe or a terminal; whoever has it later blocks."""
    os.set_blocking(fd, False)
    with suppress(BlockingIOError):
        while True:
            os.write(fd, b"x" * 4096)
    with suppress(BlockingIOError):
        while True:
            os.write(fd, b"x")
    os.set_blocking(fd, True)


def full_pipe(stack, tmp_path):
    reading, writing = os.pipe()
    stack += [reading, writing]
    fill(writing)
    return writing, []


def stopped_terminal(stack, tmp_path):
    """A terminal at which somebody has pressed Ctrl-S."""
    theirs, ours = pty.openpty()
    stack += [theirs, ours]
    fill(ours)
    termios.tcflow(ours, termios.TCOOFF)
    return ours, []


def full_disk(stack, tmp_path):
    return subprocess.DEVNULL, ["--log-file", "/dev/full"]


def full_disk_of_json(stack, tmp_path):
    return subprocess.DEVNULL, ["--log-file", "/dev/full", "--log-format", "json"]


def fifo(stack, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    return subprocess.DEVNULL, ["--log-file", str(tmp_path / "fifo")]


LOGS = [full_pipe, stopped_terminal, full_disk, full_disk_of_json, fifo]


class Served:
    """A server whose log goes to ``log``; it serves when somebody can connect."""

    def __init__(self, make, tmp_path, workers):
        self.stack = []
        stderr, options = make(self.stack, tmp_path)
        self.address = "127.0.0.1", unused_port()
        bind = f"127.0.0.1:{self.address[1]}"
        command = [APP, "--bind", bind, "--workers", str(workers), "--log-level", "debug", *options]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "actors.endpoint", *command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )

    def client(self):
        """Connect a client to a socket, as soon as one can be."""
        until = time.monotonic() + DEADLINE
        while True:
            assert self.process.poll() is None
            with suppress(OSError):
                client = raw.Client(self.address)
                assert client.upgrade("/loud/websocket").status == 101
                return client
            assert time.monotonic() < until, "nobody serves"
            os.sched_yield()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)
        self.process.stdout.close()
        for fd in self.stack:
            os.close(fd)


@contextmanager
def served(make, tmp_path, workers):
    it = Served(make, tmp_path, workers)
    try:
        yield it
    finally:
        it.close()


def say(client, text):
    client.send(raw.frame(raw.TEXT, text))
    return client.frame().payload.decode()


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("make", LOGS)
def test_term_drains_and_ends_with_0(make, workers, tmp_path):
    with served(make, tmp_path, workers) as it, it.client() as client:
        assert say(client, "log") == "logged"
        it.process.send_signal(signal.SIGTERM)
        assert client.frame().code == 1012
        client.send(raw.close_frame(1012))
        assert it.process.wait(DEADLINE) == 0


@pytest.mark.parametrize("make", [full_pipe, stopped_terminal])
def test_process_that_is_stuck_is_ended_by_the_clock(make, tmp_path):
    with served(make, tmp_path, 0) as it, it.client() as client:
        assert say(client, "log") == "logged"
        client.send(raw.frame(raw.TEXT, "spin"))
        it.process.stdout.readline()
        it.process.send_signal(signal.SIGTERM)
        assert it.process.wait(DEADLINE) == 1


@pytest.mark.parametrize("text", ["log", "spin"])
def test_orphan_ends_whatever_it_is_doing(text, tmp_path):
    with served(full_pipe, tmp_path, 1) as it, it.client() as client:
        client.send(raw.frame(raw.TEXT, text))
        assert it.process.stdout.readline()
        it.process.kill()
        it.process.wait(DEADLINE)
        # The worker has it too: its end is the worker's.
        assert select.select([it.process.stdout], [], [], DEADLINE)[0]
        assert it.process.stdout.read() == ""


def test_worker_that_hangs_is_ended_although_its_stacks_cannot_be_printed(tmp_path):
    with served(full_pipe, tmp_path, 1) as it, it.client() as client:
        client.send(raw.frame(raw.TEXT, "log"))
        worker = int(it.process.stdout.readline())
        os.kill(worker, signal.SIGABRT)
        assert client.read_to_end() is not None
        with it.client() as other:
            assert say(other, "log") == "logged"


def test_stacks_are_asked_for_and_clients_do_not_notice(tmp_path):
    with served(full_pipe, tmp_path, 1) as it, it.client() as client:
        it.process.send_signal(signal.SIGUSR1)
        assert say(client, "log") == "logged"
        assert say(client, "print") == "printed"


def test_signal_of_a_broken_pipe_leaves_no_line_which_would_cause_the_next_one():
    with Command(APP, workers=1) as command:
        command.wait_for("1 worker is ready")
        command.signal(signal.SIGPIPE)
        command.signal(signal.SIGWINCH)
        command.wait_for("SIGWINCH")
        assert [line for line in command.lines if "SIGPIPE" in line] == []
