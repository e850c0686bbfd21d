"""Starting and reaping processes: what a child has, and what is known of its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from supervision.processes.spawn import described, reap, spawn
from tests.supervision.processes.conftest import inheritable


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module that the child runs; it writes to the descriptor in its first argument."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def written(source):
        (tmp_path / "child_of_test.py").write_text(f"import os, signal, sys\n{source}\n")
        return "child_of_test"

    return written


def output(module, *arguments, inherit=(), **rest):
    """Run the module; return what it writes to its first argument, and its status."""
    read, write = os.pipe()
    pid = spawn(module, [str(write), *arguments], [write, *inherit], **rest)
    os.close(write)
    with os.fdopen(read) as stream:
        text = stream.read()
    return text, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


WRITE = "os.write(int(sys.argv[1]), str({}).encode())"


def test_child_has_what_it_inherits_and_nothing_else(module):
    listing = "[int(fd) for fd in os.listdir('/proc/self/fd')]"
    name = module(
        f"fds = sorted({listing})\n"
        "def is_open(fd):\n"
        "    try:\n        os.fstat(fd)\n    except OSError:\n        return False\n"
        "    return True\n"
        "os.write(int(sys.argv[1]), ' '.join(str(fd) for fd in fds if is_open(fd)).encode())"
    )
    ours, theirs = os.pipe()
    kept, write = os.pipe()
    os.close(write)
    text, status = output(name, inherit=[kept])
    numbers = [int(word) for word in text.split()]
    assert status == 0
    assert kept in numbers
    assert ours not in numbers
    assert theirs not in numbers
    assert len(set(numbers) - inheritable()) == 2  # both were handed over
    assert not os.get_inheritable(kept)
    for fd in (ours, theirs, kept):
        os.close(fd)


def test_child_has_the_interpreter_s_options(module):
    name = module(WRITE.format("[sys.flags.dev_mode, sys.warnoptions]"))
    (text, status) = output(name)
    expected = [sys.flags.dev_mode, sys.warnoptions]
    assert (text, status) == (str(expected), 0)
    code = (
        "import os, sys; from supervision.processes.spawn import spawn;"
        "print([sys.flags.dev_mode, sys.warnoptions], flush=True);"
        f"pid = spawn({name!r}, ['1'], []); os.waitpid(pid, 0)"
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    ours, childs = done.stdout.splitlines()
    assert childs == ours
    assert ours.startswith("[True, [")


def test_handlers_are_those_of_a_new_process_and_signals_may_be_blocked(module):
    name = module(
        "mask = sorted(signal.pthread_sigmask(signal.SIG_BLOCK, []))\n"
        "handlers = [signal.getsignal(n).name for n in (signal.SIGTERM, signal.SIGHUP)]\n"
        + WRITE.format("[[n.name for n in mask], handlers]")
    )
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        default = ["SIG_DFL", "SIG_DFL"]
        assert output(name)[0] == str([[], default])
        text, _ = output(name, blocked=[signal.SIGHUP, signal.SIGINT])
        assert text == str([["SIGHUP", "SIGINT"], default])
    finally:
        signal.signal(signal.SIGHUP, before)


def test_environment_is_ours_or_the_one_that_is_given(module, monkeypatch):
    monkeypatch.setenv("ROOST_TEST", "ours")
    name = module(WRITE.format("os.environ['ROOST_TEST']"))
    assert output(name)[0] == "ours"
    assert output(name, environ={**os.environ, "ROOST_TEST": "given"})[0] == "given"


def test_descriptors_are_not_inheritable_after_a_failure(monkeypatch):
    read, write = os.pipe()
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(FileNotFoundError):
        spawn("module", [], [read])
    assert not os.get_inheritable(read)
    os.close(read)
    os.close(write)


def test_every_child_that_has_ended_is_reaped_whoever_started_it(module):
    name = module("os.read(int(sys.argv[1]), 1)\nsys.exit(int(sys.argv[2]))")
    read, write = os.pipe()
    pids = {spawn(name, [str(read), str(status)], [read]): status for status in (0, 7)}
    assert not {pid for pid, _ in reap()} & pids.keys()  # some other test's child may have ended
    os.write(write, b"xx")
    stranger = subprocess.Popen([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"])
    pids[stranger.pid] = -9
    found = {}
    while len(found) < 3:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        found.update((pid, status) for pid, status in reap() if pid in pids)
    assert found == pids
    stranger.returncode = -9  # it was reaped behind its back
    os.close(read)
    os.close(write)


@pytest.mark.parametrize(
    ("status", "words"),
    [(0, "status 0"), (3, "status 3"), (-9, "signal SIGKILL"), (-40, "signal 40")],
)
def test_status_in_words(status, words):
    assert described(status) == words
