"""The book on workers: started, heard, stopped, aborted, killed, forgotten."""

from __future__ import annotations

import os
import selectors
import signal
import sys
from pathlib import Path

import pytest

from actors.schedule import ABORT_TO_KILL, STOP_TO_KILL
from supervision.processes import channel as channels
from supervision.processes import fleet as fleets
from supervision.processes.fleet import State
from supervision.processes.load import LOAD, LoadShare
from supervision.processes.spawn import MASTERS
from supervision.processes.totals import Totals
from tests.supervision.processes.conftest import inheritable


def test_worker_is_told_its_options_and_heard(yard):
    it = yard("serve")
    process = it.fleet.start(1)
    assert process.name == "w-1"
    assert str(process) == f"worker w-1 (pid {process.pid})"
    it.ready(process)
    it.fleet.stop(process)
    assert it.hear(process, "stopping")
    assert it.ended(process) == 0
    assert it.fleet.processes == {}


def test_worker_has_its_channel_and_the_listeners_and_nothing_else(yard, capfd):
    it = yard("descriptors")
    everybody = inheritable()  # standard streams, and what whoever runs the tests has left open
    process = it.fleet.start(1)
    it.ready(process)
    opened, blocked = [line.split()[2:] for line in capfd.readouterr()[0].splitlines()[1:3]]
    own = {int(fd.partition("=")[0]) for fd in opened} - everybody
    assert len(own) == 2
    assert it.fleet.listeners[0].fileno() in own
    assert blocked == sorted(number.name for number in MASTERS)


def test_start_that_fails_leaves_nothing_open(yard, monkeypatch):
    it = yard("serve")
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    with pytest.raises(FileNotFoundError):
        it.fleet.start(1)
    assert len(list(descriptors.iterdir())) == before
    assert it.fleet.processes == {}


def test_workers_on_the_bus_are_told_who_the_others_are(yard, capfd):
    it = yard("serve")
    one, other, third = (it.fleet.start(slot) for slot in (1, 2, 3))
    one.on_bus = other.on_bus = True
    it.fleet.share_names()
    assert it.fleet.names() == ["w-1", "w-2"]
    it.kill(one)
    assert it.fleet.names() == ["w-2"]
    for process in (other, third):
        it.ready(process)
        it.fleet.stop(process)
        it.ended(process)
    told = [line.partition(" ")[2] for line in capfd.readouterr()[0].splitlines()]
    assert told.count("peers ['w-1', 'w-2']") == 1
    assert told.count("peers ['w-2']") == 1


def test_forgotten_worker_has_no_clients_unless_another_is_in_its_slot(yard):
    it = yard("serve")
    path = it.fleet.directory.path / LOAD
    LoadShare(path, 1).enter()
    other = LoadShare(path, 2).enter()
    other.opened()
    first, second = it.ready(it.fleet.start(1)), it.ready(it.fleet.start(1))
    it.kill(first)
    assert other.crowded()
    it.kill(second)
    assert not other.crowded()


def test_forgotten_worker_leaves_no_socket_file_and_is_not_heard(yard):
    it = yard("hasty")
    process = it.fleet.start(1)
    assert it.ended(process) == 1
    assert not (it.fleet.directory.path / process.name).exists()
    assert process.channel.closed
    assert it.fleet.selector.get_map() == {}
    assert it.fleet.forget(process.pid) is None
    it.fleet.hang_up(process)


class TestSilence:
    @pytest.mark.parametrize(("seconds", "due"), [(4.9, False), (5.0, True), (5.1, True)])
    def test_no_sign_of_life_for_a_heartbeat_is_the_end(self, yard, capfd, seconds, due):
        it = yard("silent", heartbeat=5.0)
        process = it.ready(it.fleet.start(1))
        assert it.fleet.next_due() == it.clock.now + 5.0
        it.clock.now += seconds
        assert it.fleet.alive() is (seconds <= 5.0)
        it.fleet.act()
        assert (process.aborted is not None) is due
        if due:
            assert it.ended(process) == 1
            assert "aborted" in capfd.readouterr()[0]

    def test_who_lives_on_after_an_abort_is_killed_once(self, yard, caplog):
        it = yard("stubborn", heartbeat=5.0)
        process = it.ready(it.fleet.start(1))
        it.clock.now += 5.0
        it.fleet.act()
        assert it.fleet.next_due() == it.clock.now + ABORT_TO_KILL
        it.fleet.act()
        it.clock.now += ABORT_TO_KILL
        it.fleet.act()
        it.fleet.act()
        assert process.killed
        assert it.fleet.next_due() == fleets.NEVER
        assert it.ended(process) == -signal.SIGKILL
        said = [record.getMessage().partition(") ")[2] for record in caplog.records]
        assert said == ["gives no sign of life: SIGABRT", "is still there: SIGKILL"]

    def test_stopped_process_is_killed_too(self, yard):
        it = yard("serve", heartbeat=5.0)
        process = it.ready(it.fleet.start(1))
        os.kill(process.pid, signal.SIGSTOP)
        it.clock.now += 5.0
        it.fleet.act()
        it.clock.now += ABORT_TO_KILL
        it.fleet.act()
        assert it.ended(process) in (-signal.SIGKILL, -signal.SIGABRT)

    @pytest.mark.parametrize("beats", [False, True])
    def test_boot_that_hangs_is_the_end_whether_its_loop_turns_or_not(self, yard, beats):
        it = yard("hang", heartbeat=50.0, boot=9.0)
        process = it.fleet.start(1)
        it.clock.now += 8.0
        process.beat = it.clock.now if beats else 0.0
        it.fleet.act()
        assert process.aborted is None
        it.clock.now += 1.0
        it.fleet.act()
        assert process.aborted is not None
        assert it.ended(process) == -signal.SIGABRT

    def test_worker_that_is_not_ready_is_not_counted_as_alive(self, yard):
        it = yard("serve")
        process = it.fleet.start(1)
        process.beat = it.clock.now
        assert not it.fleet.alive()


def test_time_that_the_master_missed_puts_off_every_deadline(yard):
    it = yard("serve", "silent", "hang", heartbeat=5.0, boot=9.0)
    stopping, silent = it.ready(it.fleet.start(1)), it.ready(it.fleet.start(2))
    booting = it.fleet.start(3)
    stopping.stop_by = it.clock.now + 3.0
    it.clock.now += 3600.0
    it.fleet.excuse(3600.0)
    assert stopping.stop_by == it.clock.now + 3.0
    for later, process in ((4.9, None), (0.1, silent), (4.0, booting)):
        stopping.stop_by = None
        stopping.beat = it.clock.now + later
        it.clock.now += later
        it.fleet.act()
        assert process is None or process.aborted == it.clock.now
    due = it.fleet.next_due()
    it.fleet.excuse(1.0)
    assert it.fleet.next_due() == due + 1.0


class TestStop:
    def test_worker_that_does_not_end_within_its_grace_is_killed(self, yard, caplog):
        it = yard("stubborn")
        process = it.ready(it.fleet.start(1))
        it.fleet.stop(process)
        it.clock.now += process.grace + STOP_TO_KILL - 0.1
        process.beat = it.clock.now
        it.fleet.act()
        assert not process.killed
        it.clock.now += 0.1
        it.fleet.act()
        assert it.ended(process) == -signal.SIGKILL
        assert "has not ended in time: SIGKILL" in caplog.text

    def test_end_at_once_never_comes_later_than_the_one_before(self, yard):
        it = yard("stubborn")
        process = it.ready(it.fleet.start(1))
        it.fleet.stop(process)
        until = process.stop_by
        it.fleet.stop_now(process, 100.0)
        assert process.stop_by == until
        it.fleet.stop_now(process, 0.5)
        assert process.stop_by == it.clock.now + 0.5

    def test_end_at_once_needs_no_stop_before(self, yard):
        it = yard("serve")
        process = it.ready(it.fleet.start(1))
        it.fleet.stop_now(process, 0.5)
        assert process.state is State.STOPPING
        assert it.ended(process) == 0

    def test_worker_that_boots_is_stopped_by_a_signal(self, yard):
        it = yard("hang")
        process = it.fleet.start(1)
        it.fleet.stop(process)
        assert it.ended(process) == -signal.SIGTERM

    def test_worker_without_a_channel_is_stopped_by_a_signal(self, yard):
        it = yard("stubborn")
        process = it.ready(it.fleet.start(1))
        it.fleet.hang_up(process)
        it.fleet.stop(process)
        assert it.ended(process) == -signal.SIGTERM

    def test_signal_to_one_that_nobody_has_reaped_is_no_error(self, yard):
        it = yard("exit 3")
        process = it.fleet.start(1)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        it.fleet.signal(process, signal.SIGTERM)
        assert it.ended(process) == 3
        it.fleet.signal(process, signal.SIGTERM)


def test_worker_that_does_not_read_does_not_hold_up_and_gets_all_later(yard, capfd):
    it = yard("deaf")
    process = it.ready(it.fleet.start(1))
    count = 0
    while not process.channel.unsent:
        process.channel.send("peers", [str(count), "x" * 1000])
        count += 1
    process.channel.send("stacks")
    it.fleet.watch()
    assert process.watched == selectors.EVENT_READ | selectors.EVENT_WRITE
    it.fleet.signal(process, signal.SIGALRM)
    while process.channel.unsent:
        for _, events in it.fleet.selector.select(20):
            if events & selectors.EVENT_WRITE:
                process.channel.flush()
            list(process.channel.receive())
    it.fleet.watch()
    assert process.watched == selectors.EVENT_READ
    it.fleet.stop(process)
    assert it.ended(process) == 0
    lines = capfd.readouterr()[0].splitlines()
    assert [line.split()[2][2:-2] for line in lines if " peers " in line] == [
        str(number) for number in range(count)
    ]
    assert lines[-2].endswith("stacks")


# -- totals


def wait_for_end(process):
    """Wait until a worker has ended, and leave it to be reaped."""
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)


def counted(it):
    return {tuple(labels): value for labels, value in it.fleet.totals.merged()["series"].get(
        "messages_total", [])}  # fmt: skip


def test_worker_is_asked_to_count_where_somebody_wants_to_know(yard, capfd):
    it = yard("counting", totals=Totals())
    it.ready(it.fleet.start(1))
    assert "counts True" in capfd.readouterr()[0]


def test_worker_is_not_asked_to_count_where_nobody_does(yard, capfd):
    it = yard("counting")
    process = it.ready(it.fleet.start(1))
    it.fleet.heard_totals(process, {"series": {}})
    assert "counts None" in capfd.readouterr()[0]
    assert it.fleet.rows()[0]["totals"] is None


@pytest.mark.parametrize("sends", [False, True])
def test_what_a_worker_said_at_its_end_is_counted(yard, sends):
    it = yard("brief", totals=Totals())
    process = it.fleet.start(1)
    wait_for_end(process)
    if sends:  # as to one that is on the bus: nobody is there to read it
        process.channel.send("peers", [])
        assert process.channel.closed
    assert it.ended(process) == 1
    assert counted(it) == {("in",): 7}
    assert it.fleet.totals.missed == 0


@pytest.mark.parametrize(("deed", "missed"), [("fleeting", 1), ("exit 5", 0)])
def test_a_worker_that_died_before_its_first_beat_is_missed_where_it_was_ready(yard, deed, missed):
    it = yard(deed, totals=Totals())
    process = it.fleet.start(1)
    wait_for_end(process)
    assert it.ended(process) == 5  # and what it said is in its channel yet
    assert it.fleet.totals.missed == missed


def test_what_a_worker_said_before_its_channel_broke_is_counted(yard):
    it = yard("brief", totals=Totals())
    process = it.fleet.start(1)
    wait_for_end(process)
    it.fleet.hang_up(process)
    assert it.ended(process) == 1
    assert counted(it) == {("in",): 7}


def test_what_a_child_of_a_worker_says_for_ever_is_read_for_a_while(yard, monkeypatch):
    monkeypatch.setattr(channels, "MAX_REST", channels.READ_SIZE)
    it = yard("brief", totals=Totals())
    process = it.fleet.start(1)
    wait_for_end(process)
    it.ended(process)
    assert it.fleet.totals.retired() == {"series": {}, "declared": {}}  # it had said more than that


def test_counter_that_falls_is_told_in_the_log(yard, caplog):
    it = yard("hang", totals=Totals())
    process = it.fleet.start(1)
    for count in (5, 4, 3):
        totals = {"series": {"messages_total": [[["in"], count]]}}
        it.fleet.heard_totals(process, totals)
    assert [record.message for record in caplog.records if "fell" in record.message] == [
        "messages_total of w-1 fell: the larger value is kept"
    ]
    it.kill(process)
    assert it.fleet.totals.missed == 1
    assert counted(it) == {("in",): 5}
