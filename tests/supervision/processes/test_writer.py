"""Lines that a thread writes: whoever says them never waits, and what is lost is told."""

from __future__ import annotations

import errno
import os
import threading
import time

import pytest

from supervision.processes import writer as writers
from supervision.processes.writer import Descriptor, LogFile, Writer, own_description, told

DEADLINE = 20.0


class Sink:
    """What it was given, in pieces; ``open`` says when it takes something."""

    def __init__(self, *, blocked=False, most=None):
        self.pieces = []
        self.open = threading.Event()
        self.trying = threading.Event()
        self.error = None
        self.most = most
        self._news = threading.Condition()
        if not blocked:
            self.open.set()

    @property
    def data(self):
        return b"".join(self.pieces)

    def write(self, data):
        self.trying.set()
        assert self.open.wait(DEADLINE)
        if self.error is not None:
            raise self.error
        with self._news:
            self.pieces.append(data[: self.most])
            self._news.notify_all()
        return len(self.pieces[-1])

    def wait(self):
        raise AssertionError("it never says that it is not ready")

    def until(self, wanted):
        with self._news:
            assert self._news.wait_for(lambda: wanted in self.data, DEADLINE), self.data


def test_lines_are_written_in_order_and_whole_ones_together():
    sink = Sink(blocked=True)
    writer = Writer(sink)
    writer.put(b"first\n")
    assert sink.trying.wait(DEADLINE)
    lines = [b"%d " % number + b"x" * 900 + b"\n" for number in range(20)]
    for line in lines:
        writer.put(line)
    sink.open.set()
    assert writer.flush(DEADLINE)
    assert sink.data == b"first\n" + b"".join(lines)
    assert all(len(piece) <= writers.WHOLE and piece[-1:] == b"\n" for piece in sink.pieces)
    assert len(sink.pieces) < len(lines)


@pytest.mark.parametrize(("more", "lost"), [(-1, 0), (0, 0), (1, 1)])
def test_what_has_no_room_is_lost_and_counted(more, lost):
    sink = Sink(blocked=True)
    writer = Writer(sink, 100)
    writer.put(b"a" * 49 + b"\n")
    assert sink.trying.wait(DEADLINE)
    writer.put(b"b" * (49 + more) + b"\n")
    sink.open.set()
    assert writer.flush(DEADLINE)
    assert (b"roost: 1 line was lost\n" in sink.data) is bool(lost)
    assert (b"b\n" in sink.data) is not bool(lost)


def test_count_is_told_in_the_words_that_the_log_has_when_writing_works_again():
    sink = Sink(blocked=True)
    writer = Writer(sink, 10)
    writer.line_for = lambda lost: f"LOG {told(lost)}\n".encode()
    writer.put(b"123456789\n")
    assert sink.trying.wait(DEADLINE)
    for _ in range(412):
        writer.put(b"one\n")
    sink.open.set()
    sink.until(b"LOG 412 lines were lost\n")
    writer.put(b"after\n")
    sink.until(b"after\n")
    assert writer.flush(DEADLINE)
    assert sink.data.count(b"lost") == 1


def test_what_fails_is_counted_until_it_works():
    sink = Sink()
    sink.error = OSError(errno.ENOSPC, "full")
    writer = Writer(sink)
    for _ in range(3):
        writer.put(b"gone\n")
        assert not writer.flush(DEADLINE)
    sink.error = None
    writer.put(b"back\n")
    sink.until(b"back\nroost: 3 lines were lost\n")
    assert b"gone" not in sink.data


def test_rest_of_a_line_of_which_a_part_was_written_follows():
    sink = Sink(most=4)
    writer = Writer(sink)
    writer.put(b"a line in pieces\n")
    assert writer.flush(DEADLINE)
    assert sink.data == b"a line in pieces\n"


def test_torn_line_is_ended_before_the_next():
    sink = Sink(most=4)
    writer = Writer(sink)
    real = sink.write

    def full(data):
        sink.write = failing
        return real(data)

    def failing(data):
        raise OSError(errno.ENOSPC, "full")

    sink.write = full
    writer.put(b"torn line\n")
    assert not writer.flush(DEADLINE)
    sink.write = real
    writer.put(b"next\n")
    sink.until(b"torn\nnext\n")


def test_end_does_not_wait_for_what_is_never_written():
    sink = Sink(blocked=True)
    writer = Writer(sink)
    writer.put(b"never\n")
    began = time.monotonic()
    assert not writer.flush(DEADLINE)
    assert time.monotonic() - began < DEADLINE / 2  # after LOG_STUCK without progress
    sink.open.set()


def test_pipe_that_nobody_reads_holds_up_nobody_and_keeps_its_flags():
    reading, writing = os.pipe()
    writer = Writer(Descriptor(writing))
    for _ in range(3000):
        writer.put(b"x" * 999 + b"\n")
    assert os.get_blocking(writing)
    found = b""
    while b"lines were lost" not in found:
        found += os.read(reading, 65536)
        writer.put(b"more\n")
    os.close(reading)


def test_pipe_that_somebody_made_non_blocking_is_waited_for_by_the_thread():
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    writer = Writer(Descriptor(writing))
    for number in range(200):
        writer.put(b"%03d " % number + b"x" * 999 + b"\n")
    found = b""
    while found.count(b"\n") < 200:
        found += os.read(reading, 65536)
    assert [line[:3] for line in found.splitlines()] == [b"%03d" % number for number in range(200)]


class TestFile:
    def test_moved_file_is_opened_anew_by_the_next_line_and_by_none(self, tmp_path):
        path, old = tmp_path / "log", tmp_path / "old"
        writer = Writer(LogFile(str(path)))
        writer.put(b"one\n")
        assert writer.flush(DEADLINE)
        path.rename(old)
        writer.put(b"two\n")
        assert writer.flush(DEADLINE)
        assert (old.read_bytes(), path.read_bytes()) == (b"one\n", b"two\n")
        path.unlink()
        writer.put(b"")
        until = time.monotonic() + DEADLINE
        while not path.exists():
            assert time.monotonic() < until
            os.sched_yield()

    def test_place_that_is_gone_loses_lines_until_it_is_back(self, tmp_path):
        place = tmp_path / "place"
        place.mkdir()
        writer = Writer(LogFile(str(place / "log")))
        (place / "log").unlink()
        place.rmdir()
        writer.put(b"gone\n")
        assert not writer.flush(DEADLINE)
        place.mkdir()
        writer.put(b"back\n")
        assert writer.flush(DEADLINE)
        assert (place / "log").read_bytes() == b"back\nroost: 1 line was lost\n"

    def test_place_that_does_not_exist_is_an_error_at_once(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            LogFile(str(tmp_path / "no" / "log"))
        with pytest.raises(IsADirectoryError):
            LogFile(str(tmp_path))

    def test_fifo_keeps_what_waits_for_a_reader_and_for_the_next_one(self, tmp_path):
        path = tmp_path / "fifo"
        os.mkfifo(path)
        writer = Writer(LogFile(str(path)))
        writer.put(b"early\n")
        with path.open("rb", buffering=0) as reader:
            assert reader.read(100) == b"early\n"
        writer.put(b"late\n")
        with path.open("rb", buffering=0) as reader:
            assert reader.read(100) == b"late\n"


def test_own_description_of_a_pipe_does_not_block_while_the_pipe_does():
    reading, writing = os.pipe()
    own = own_description(writing)
    assert own != writing
    assert os.get_blocking(writing)
    assert not os.get_blocking(own)
    for fd in (reading, writing, own):
        os.close(fd)


def test_own_description_of_a_file_is_the_file_s(tmp_path):
    with (tmp_path / "log").open("wb") as file:
        assert own_description(file.fileno()) == file.fileno()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_child_of_a_fork_writes_too():
    reading, writing = os.pipe()
    writer = Writer(Descriptor(writing))
    pid = os.fork()
    if pid == 0:
        writer.put(b"child\n")
        writer.flush(DEADLINE)
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0
    assert os.read(reading, 100) == b"child\n"
