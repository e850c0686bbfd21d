"""Fleets of real processes, on a clock that the test moves."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from supervision.processes.directory import Directory
from supervision.processes.fleet import Fleet, State, Timeouts
from supervision.processes.sockets import bind

DEADLINE = 20.0


def inheritable():
    """Return the descriptors of this process that any child has."""
    found = set()
    for path in Path("/proc/self/fd").iterdir():
        try:
            if os.get_inheritable(int(path.name)):
                found.add(int(path.name))
        except OSError:
            continue  # it was that of the directory
    return found


class Clock:
    """Seconds, as many as the test says."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Yard:
    """A fleet of scripted workers, what they say, and how they end."""

    def __init__(self, directory, script, totals=None, **timeouts):
        self.clock = Clock()
        self.fleet = Fleet(
            "tests.supervision.processes.scripted",
            [bind("127.0.0.1", 0)],
            {"script": script},
            Directory(directory),
            Timeouts(**timeouts),
            self.clock,
            "w",
            totals=totals,
        )

    def hear(self, process, kind):
        """Wait until a worker says something of this kind; return it."""
        while True:
            for message in process.channel.receive():
                process.beat = self.clock.now
                if message[0] == kind:
                    return message
            assert not process.channel.closed, f"{process} hung up before it said {kind!r}"
            assert self.fleet.selector.select(DEADLINE), f"{process} does not say {kind!r}"

    def ready(self, process):
        """Have a worker be ready; return it."""
        message = self.hear(process, "ready")
        process.grace = message[1]["grace"]
        process.state = State.READY
        return process

    def ended(self, process):
        """Wait for a worker's end, and clear away what is left; return the status."""
        status = os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1])
        assert self.fleet.forget(process.pid) is process
        return status

    def kill(self, process):
        """End a worker as nobody would have expected; return the status."""
        os.kill(process.pid, signal.SIGKILL)
        return self.ended(process)

    def close(self):
        for process in self.fleet:
            self.kill(process)
        for sock in self.fleet.listeners:
            sock.close()
        self.fleet.selector.close()


@pytest.fixture
def yard(tmp_path):
    """Return a function that makes a fleet; the workers do what the script says."""
    made = []

    def make(*script, **timeouts):
        made.append(Yard(tmp_path, script or ["serve"], **timeouts))
        return made[-1]

    yield make
    for each in made:
        each.close()
