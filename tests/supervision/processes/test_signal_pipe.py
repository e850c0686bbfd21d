"""Signals as bytes in a pipe."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest

from supervision.processes.signals import SignalPipe

NUMBERS = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2]


@pytest.fixture(autouse=True)
def _handlers_are_put_back():
    before = {number: signal.getsignal(number) for number in NUMBERS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(*numbers):
    for number in numbers:
        os.kill(os.getpid(), number)


def test_signals_are_queued_in_order_and_wake_a_selector():
    with SignalPipe(NUMBERS) as pipe:
        assert pipe.take() == []
        assert select.select([pipe], [], [], 0)[0] == []
        send(signal.SIGHUP, signal.SIGUSR2, signal.SIGHUP)
        assert select.select([pipe], [], [], 5)[0] == [pipe]
        assert pipe.take() == [signal.SIGHUP, signal.SIGUSR2, signal.SIGHUP]
        assert pipe.take() == []


def test_storm_of_signals_loses_none_and_never_blocks():
    with SignalPipe(NUMBERS) as pipe:
        send(*[signal.SIGUSR1] * 5000, signal.SIGHUP)
        taken = []
        while more := pipe.take():
            taken += more
        assert taken == [signal.SIGUSR1] * 5000 + [signal.SIGHUP]


def fill(fd):
    while True:
        os.write(fd, bytes([signal.SIGUSR1]) * 4096)


def test_full_pipe_drops_and_harms_nothing():
    with SignalPipe(NUMBERS) as pipe:
        with pytest.raises(BlockingIOError):
            fill(pipe._write)
        send(signal.SIGHUP)
        taken = []
        while more := pipe.take():
            taken += more
        assert set(taken) == {signal.SIGUSR1}


def test_interrupted_calls_go_on():
    with SignalPipe(NUMBERS) as pipe:
        read, write = os.pipe()
        pid = os.getpid()
        killer = subprocess.Popen(
            [sys.executable, "-c", f"import os; os.kill({pid}, 10); os.write({write}, b'x')"],
            pass_fds=[write],
        )
        assert os.read(read, 1) == b"x"
        killer.wait(10)
        assert pipe.take() == [signal.SIGUSR1]
        os.close(read)
        os.close(write)


def test_afterwards_they_are_ignored():
    with SignalPipe(NUMBERS) as pipe:
        fd = pipe.fileno()
    send(*NUMBERS)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)
