"""The locked file: one process at a time, and numbers that grow; with real processes."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys

import pytest

from supervision.processes import once_file
from supervision.processes.once_file import OnceFile, once_path, remove

HOLDER = """
import sys
from pathlib import Path
from supervision.processes.once_file import OnceFile
lease = OnceFile(Path(sys.argv[1]), lambda: 0.0)
lease.acquire(lambda number: print(number, flush=True))
for line in sys.stdin:
    lease.release(int(line))
    print("released", flush=True)
"""


class Holder:
    """Another process that asks for the lease."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.said = self.line()

    def line(self):
        return self.process.stdout.readline().strip()

    def release(self, number):
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        assert self.line() == "released"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "once"


@pytest.fixture
def lease(path):
    made = OnceFile(path, lambda: 5.0)
    yield made
    made._let_go()


def acquired(lease):
    answers = []
    lease.acquire(answers.append)
    (answer,) = answers
    return answer


def renewed(lease, number):
    answers = []
    lease.renew(number, answers.append)
    (answer,) = answers
    return answer


def test_numbers_begin_with_the_milliseconds_and_grow_also_where_the_clock_goes_back(path, lease):
    assert acquired(lease) == 5000
    lease.release(5000)
    earlier = OnceFile(path, lambda: 1.0)
    assert acquired(earlier) == 5001
    earlier.release(5001)
    assert acquired(lease) == 5002
    assert path.read_text() == f"5002 {os.getpid()}\n"


def test_another_process_gets_it_when_it_was_released(path, lease):
    with Holder(path) as other:
        assert other.said == "1"
        assert acquired(lease) is None
        other.release(99)  # not what it holds
        assert acquired(lease) is None
        other.release(1)
        assert acquired(lease) == 5000
        with Holder(path) as third:
            assert third.said == "None"


def test_one_that_is_stopped_keeps_it_and_one_that_is_killed_does_not(path, lease):
    with Holder(path) as other:
        os.kill(other.process.pid, signal.SIGSTOP)
        assert acquired(lease) is None
        other.process.kill()
        other.process.wait()
        assert acquired(lease) == 5000


def test_a_child_that_was_forked_does_not_keep_it(path, lease):
    assert acquired(lease) == 5000
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    try:
        lease.release(5000)
        with Holder(path) as other:
            assert other.said == "5001"
    finally:
        os.close(writer)
        os.close(reader)
        os.waitpid(pid, 0)


def test_what_waits_says_so_once_and_says_for_whom(path, lease, caplog):
    with Holder(path) as other:
        for _ in range(3):
            assert acquired(lease) is None
    said = f"process {other.process.pid} still runs what exists once: waiting for its end"
    assert caplog.messages == [said]


def test_it_is_kept_while_others_find_the_file(path, lease):
    number = acquired(lease)
    os.utime(path, (1.0, 1.0))
    assert renewed(lease, number) is True
    assert path.stat().st_mtime > 1.0
    assert renewed(lease, number - 1) is False


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_somebody_removed_is_lost_and_the_next_number_is_greater(
    path, lease, replaced, caplog
):
    number = acquired(lease)
    path.unlink()
    if replaced:
        path.write_text("nothing that is a number")
    assert renewed(lease, number) is False
    assert f"{path} was removed, not by us" in caplog.messages
    lease.release(number)
    assert acquired(lease) == number + 1


def test_a_file_that_goes_while_it_is_touched_is_lost(lease, monkeypatch):
    def utime(_path):
        raise FileNotFoundError(errno.ENOENT, "gone")

    number = acquired(lease)
    monkeypatch.setattr(os, "utime", utime)
    assert renewed(lease, number) is False


def test_a_file_that_was_removed_before_it_was_locked_is_not_the_one(path, lease, monkeypatch):
    opened = os.open
    removed = []

    def removes(*given):
        fd = opened(*given)
        if not removed:
            removed.append(path.unlink())
        return fd

    monkeypatch.setattr(os, "open", removes)
    assert acquired(lease) == 5000
    assert renewed(lease, 5000) is True


def test_a_file_that_is_always_removed_is_given_up_for_now(path, lease, monkeypatch):
    opened = os.open

    def removes(*given):
        fd = opened(*given)
        path.unlink()
        return fd

    monkeypatch.setattr(os, "open", removes)
    assert acquired(lease) is None


def test_a_link_or_what_is_no_file_is_not_used(path, lease, tmp_path, caplog):
    (tmp_path / "target").touch()
    path.symlink_to(tmp_path / "target")
    assert acquired(lease) is None
    assert "cannot be used" in caplog.messages[0]
    path.unlink()
    os.mkfifo(path)
    assert acquired(lease) is None
    assert "is somebody else's" in caplog.messages[1]


def test_it_is_removed_where_nobody_holds_it(path, lease):
    with Holder(path) as other:
        remove(path)
        assert path.exists()
        other.release(1)
        remove(path)
    assert not path.exists()
    remove(path)
    os.mkfifo(path)
    remove(path)
    assert path.exists()


def test_the_path_is_that_of_the_addresses_in_any_order(tmp_path, monkeypatch):
    one, other = ("127.0.0.1", 4000), ("::1", 4000)
    found = once_path([one, other], tmp_path)
    assert found == once_path([other, one], tmp_path)
    assert found != once_path([one], tmp_path)
    assert found.parent == tmp_path
    monkeypatch.setattr(once_file, "NAMESPACE", tmp_path / "nothing")
    assert once_path([one, other], tmp_path) != found
