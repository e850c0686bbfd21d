"""The master as a process, over workers that do what a script says."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
from contextlib import contextmanager
from typing import Any

import pytest

from supervision.processes.snapshot import totals_of
from tests.supervision.processes.scripted import BEAT
from tests.support.command import Program


class Run(Program):
    """A master over the workers of ``script``, in the order in which they start."""

    def __init__(self, *script: str, **options: Any) -> None:
        given = json.dumps({"script": script, **options})
        super().__init__("-m", "tests.supervision.processes.small_master", given)

    def pid_of(self, deed: str, count: int = 1) -> int:
        return int(self.wait_for(rf"^(\d+) runs {deed} ", count)[1])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_stops_every_worker_with_the_grace_and_ends_with_0(number):
    with Run("serve", workers=2) as run:
        run.wait_for("2 workers are ready")
        run.signal(number)
        assert run.ended() == 0
        stopped = [line for line in run.lines if re.search(r"^\d+ stop 2", line)]
        assert len(stopped) == 2, run.lines


@pytest.mark.parametrize("numbers", [[signal.SIGQUIT], [signal.SIGINT, signal.SIGINT]])
def test_end_at_once_kills_who_does_not_heed_it(numbers):
    with Run("stubborn") as run:
        run.wait_for("1 worker is ready|serving")
        for number in numbers:
            run.signal(number)
            run.wait_for(number.name)
        run.wait_for("stop_now")
        assert run.ended() == 1
        run.wait_for("SIGKILL")


def test_first_worker_with_status_2_ends_the_master_with_2():
    with Run("exit 2", "serve", workers=3) as run:
        assert run.ended() == 2
        assert len([line for line in run.lines if " runs " in line]) == 1


def test_crash_loop_at_boot_ends_with_3():
    with Run("exit 1") as run:
        assert run.ended() == 3
        assert len([line for line in run.lines if " runs " in line]) == 4  # 3 in 5 seconds


def test_worker_that_cannot_be_started_again_costs_no_other_its_life():
    with Run("serve", "serve", "exit 1", workers=2) as run:
        run.wait_for("2 workers are ready")
        victim, healthy = run.pid_of("serve", 1), run.pid_of("serve", 2)
        os.kill(victim, signal.SIGKILL)
        first, second, third = (
            float(run.wait_for(r"slot 1 is tried again in ([\d.]+) s", count)[1])
            for count in (1, 2, 3)
        )
        assert 0.7 <= first <= 1.0 < second <= 2.0 < third <= 4.0
        run.signal(signal.SIGUSR1)
        run.wait_for(rf"^{healthy} stacks")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0
        assert len([line for line in run.lines if " runs exit 1 " in line]) == 3


def test_worker_that_is_started_in_the_end_serves():
    with Run("serve", "exit 2", "exit 1", "serve") as run:
        run.wait_for("serving")
        os.kill(run.pid_of("serve", 1), signal.SIGKILL)
        run.wait_for(" is back: 1 of 1 worker is ready")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_worker_that_crashes_often_is_started_after_a_while_and_the_master_goes_on():
    with Run("serve", "hasty") as run:
        run.wait_for("serving")
        os.kill(run.pid_of("serve", 1), signal.SIGKILL)
        run.wait_for("slot 1 is tried again", 2)
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_master_gives_up_when_none_has_served_for_its_patience():
    with Run("serve", "exit 1", patience=1.5) as run:
        run.wait_for("serving")
        os.kill(run.pid_of("serve", 1), signal.SIGKILL)
        assert run.ended() == 3
        run.wait_for("giving up: no worker has served for 1.5 s")


def test_patience_is_not_over_while_another_serves():
    with Run("serve", "serve", "exit 1", workers=2, patience=0.2) as run:
        run.wait_for("2 workers are ready")
        os.kill(run.pid_of("serve", 1), signal.SIGKILL)
        run.wait_for("slot 1 is tried again", 2)
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_worker_that_is_killed_is_replaced_in_its_slot():
    with Run("serve", workers=2) as run:
        run.wait_for("2 workers are ready")
        victim, other = run.pid_of("serve", 1), run.pid_of("serve", 2)
        os.kill(victim, signal.SIGKILL)
        again = run.wait_for(r"^(\d+) runs serve in slot 1", 2)
        assert int(again[1]) not in (victim, other)
        assert alive(other)
        run.wait_for(rf"worker \S+ \(pid {again[1]}\) is back: 2 of 2 workers are ready")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0
        assert run.lines[-1].endswith("ended, exit status 0")
        assert sum("is back" in line for line in run.lines) == 1


def test_a_single_worker_is_spoken_of_as_one():
    with Run("serve") as run:
        run.wait_for("1 worker is ready")
        os.kill(run.pid_of("serve"), signal.SIGKILL)
        run.wait_for("is back: 1 of 1 worker is ready")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_worker_that_was_killed_while_it_served_is_no_stain_on_the_end():
    with Run("silent", "serve", heartbeat=0.3) as run:
        run.wait_for("SIGABRT")
        run.wait_for(r"runs serve in slot 1")
        run.wait_for(" is back")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def paused(run, pids, heartbeat):
    """Stop these processes until another worker has beaten through many timeouts."""
    with Run("ticking", heartbeat=heartbeat) as other:
        other.wait_for("serving")
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        other.wait_for("tick", len(other.lines) + 4 * int(heartbeat / BEAT))
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        other.signal(signal.SIGTERM)
        assert other.ended() == 0


@pytest.mark.parametrize("everybody", [False, True])
def test_pause_of_the_master_ends_no_worker(everybody):
    heartbeat = 1.0
    with Run("serve", workers=2, heartbeat=heartbeat) as run:
        run.wait_for("2 workers are ready")
        workers = [run.pid_of("serve", 1), run.pid_of("serve", 2)]
        paused(run, [run.process.pid, *(workers if everybody else [])], heartbeat)
        run.signal(signal.SIGUSR1)  # a round later it has judged
        run.wait_for(r"^\d+ stacks", 2)
        run.signal(signal.SIGUSR1)
        run.wait_for(r"^\d+ stacks", 4)
        run.signal(signal.SIGTERM)
        assert run.ended() == 0
        assert not [line for line in run.lines if "SIGABRT" in line]


def test_worker_that_hangs_is_found_after_a_pause_of_the_master():
    with Run("silent", "serve", heartbeat=1.0) as run:
        run.wait_for("serving")
        paused(run, [run.process.pid], 1.0)
        run.wait_for("gives no sign of life: SIGABRT")
        run.wait_for(r"runs serve in slot 1")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_worker_without_a_sign_of_life_is_aborted_and_replaced():
    with Run("silent", "serve", heartbeat=0.3) as run:
        run.wait_for("aborted")
        run.wait_for(r"runs serve in slot 1")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_worker_that_ignores_the_abort_is_killed():
    with Run("silent", "serve", heartbeat=0.3) as run:
        pid = run.pid_of("silent")
        run.wait_for("serving")
        os.kill(pid, signal.SIGSTOP)  # so that it does not even get to its handler
        run.wait_for(r"runs serve in slot 1")
        assert not alive(pid)
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_worker_that_never_becomes_ready_is_killed():
    with Run("hang", "serve", boot=0.3) as run:
        run.wait_for("hangs")
        run.wait_for(r"runs serve in slot 1")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_reload_replaces_each_worker_when_its_successor_is_ready():
    with Run("serve", workers=2) as run:
        run.wait_for("2 workers are ready")
        old = {run.pid_of("serve", 1), run.pid_of("serve", 2)}
        run.signal(signal.SIGHUP)
        new = {run.pid_of("serve", 3), run.pid_of("serve", 4)}
        run.wait_for(r"^\d+ stop ", 2)
        assert not old & new
        stopped = {int(line.split()[0]) for line in run.lines if re.search(r"^\d+ stop ", line)}
        assert stopped == old
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_reload_whose_worker_fails_leaves_the_old_one_serving():
    with Run("serve", "exit 1", "serve") as run:
        run.wait_for("serving")
        old = run.pid_of("serve", 1)
        run.signal(signal.SIGHUP)
        run.pid_of("exit 1")
        run.wait_for("reload")
        assert alive(old)
        run.signal(signal.SIGHUP)
        run.pid_of("serve", 2)
        run.wait_for(rf"^{old} stop ")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


@contextmanager
def few_descriptors(pid):
    """Have a process find no room for another descriptor."""
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (4, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def told_back(run):
    """Return who was told to stand back and who no longer to, in order."""
    found = (re.match(r"(\d+) stand_back (True|False)", line) for line in run.lines)
    return [(int(each[1]), each[2] == "True") for each in found if each]


def test_workers_that_are_to_go_stand_back_once_a_new_one_serves():
    with Run("polite", workers=3) as run:
        run.wait_for("3 workers are ready")
        first, second, third = (run.pid_of("polite", count) for count in (1, 2, 3))
        run.signal(signal.SIGHUP)
        run.wait_for(r"^\d+ stop ", 3)
        assert sorted(told_back(run)) == sorted([(second, True), (third, True)])
        run.wait_for(rf"^{second} stand_back True")
        run.wait_for(rf"^{third} stand_back True")
        assert first not in dict(told_back(run))
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_where_a_reload_is_called_off_the_old_ones_accept_again():
    with Run("polite", "polite", "polite", "polite", "exit 1", workers=3) as run:
        run.wait_for("3 workers are ready")
        old = {run.pid_of("polite", count) for count in (2, 3)}
        run.signal(signal.SIGHUP)
        run.wait_for("the reload is off")
        run.wait_for(r"^\d+ stand_back False", 2)
        for pid in old:
            assert [back for who, back in told_back(run) if who == pid] == [True, False]
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_where_the_next_worker_cannot_be_started_the_old_ones_accept_again():
    with Run("lasting", "polite", "polite", "late", workers=3) as run:
        run.wait_for("3 workers are ready")
        run.signal(signal.SIGHUP)
        new = int(run.wait_for(r"^(\d+) waits")[1])
        with few_descriptors(run.process.pid):
            os.kill(new, signal.SIGALRM)
            run.wait_for("the reload is off")
            run.wait_for(r"^\d+ stand_back False", 2)
        run.signal(signal.SIGQUIT)
        assert run.ended() == 0


def test_removed_directory_is_made_anew_and_costs_nobody_its_life(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Run("serve", workers=2) as run:
        run.wait_for("2 workers are ready")
        first, second = run.pid_of("serve", 1), run.pid_of("serve", 2)
        (directory,) = tmp_path.glob("*/roost-*")
        shutil.rmtree(directory)
        os.kill(first, signal.SIGKILL)
        run.wait_for(f"{directory} was removed, not by us, and is made anew")
        run.pid_of("serve", 3)
        run.wait_for("is back: 2 of 2 workers are ready")
        assert alive(second)
        assert {"load", "workers"} <= {path.name for path in directory.iterdir()}
        run.signal(signal.SIGTERM)
        assert run.ended() == 0
    assert list(tmp_path.iterdir()) == []


def test_where_the_directory_cannot_be_made_anew_the_others_serve_on(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Run("serve", workers=2) as run:
        run.wait_for("2 workers are ready")
        first, second = run.pid_of("serve", 1), run.pid_of("serve", 2)
        (directory,) = tmp_path.glob("*/roost-*")
        shutil.rmtree(directory)
        directory.write_text("somebody else's")
        os.kill(first, signal.SIGKILL)
        run.wait_for("a worker could not be started")
        directory.unlink()
        run.wait_for("is back: 2 of 2 workers are ready")
        assert alive(second)
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_where_the_new_one_ends_the_old_ones_accept_again_until_one_serves():
    with Run(*["polite"] * 4, "hang", "hang", "polite", workers=3) as run:
        run.wait_for("3 workers are ready")
        run.signal(signal.SIGHUP)
        new = run.pid_of("polite", 4)
        run.wait_for("hangs")  # the second new one does not get ready
        run.wait_for(r"^\d+ stand_back True", 2)
        os.kill(new, signal.SIGKILL)
        run.wait_for(r"^\d+ stand_back False", 2)
        run.signal(signal.SIGQUIT)
        assert run.ended() == 0


@pytest.mark.parametrize("deed", ["serve", "odd"])
def test_workers_of_an_earlier_release_are_not_told_to_stand_back(deed):
    with Run(deed, workers=2) as run:
        run.wait_for("2 workers are ready")
        run.signal(signal.SIGHUP)
        run.wait_for(r"^\d+ stop ", 2)
        run.signal(signal.SIGTERM)
        assert run.ended() == 0
        assert told_back(run) == []


def orders(run):
    """Return who was told to run what exists once, and who to hand it over, in order."""
    found = (re.match(r"(\d+) (appoint|resign)$", line) for line in run.lines)
    return [(each[2], int(each[1])) for each in found if each]


def test_the_first_worker_that_understands_is_appointed_and_the_next_when_it_is_reaped():
    with Run("serve", "candidate", "candidate", workers=3) as run:
        run.wait_for("3 workers are ready")
        run.wait_for(r"^\d+ appoint")
        run.wait_for("runs what exists once, number 7")
        ((_, first),) = orders(run)
        assert first != run.pid_of("serve")
        os.kill(first, signal.SIGKILL)
        run.wait_for(r"^\d+ appoint", 2)
        assert orders(run)[1] != ("appoint", first)
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_a_reload_moves_what_exists_once_when_it_was_handed_over():
    with Run("serve", "candidate", workers=2) as run:
        run.wait_for(r"^\d+ appoint")
        ((_, first),) = orders(run)
        run.wait_for("2 workers are ready")
        run.signal(signal.SIGHUP)  # the first slot is the other worker's
        later = run.pid_of("candidate", 2)
        run.wait_for(r"^\d+ appoint", 2)
        assert orders(run) == [("appoint", first), ("resign", first), ("appoint", later)]
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_what_gives_up_in_one_worker_is_tried_in_the_other():
    with Run("unfit", "candidate", workers=2) as run:
        run.wait_for("runs what exists once, number 7")
        run.wait_for(rf"^{run.pid_of('candidate')} appoint")  # by another pipe than the line above
        assert orders(run)[0] == ("appoint", run.pid_of("unfit"))
        assert orders(run)[-1] == ("appoint", run.pid_of("candidate"))
        run.wait_for(
            r"^WARNING what exists once is tried again in (0\.[789]|1\.0) s:"
            r" it gave up in the worker that was appointed, after \d\.\d s$"
        )
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_a_worker_that_ends_soon_after_its_appointment_is_why_the_next_waits():
    with Run("doomed", "candidate", workers=2) as run:
        run.wait_for(
            r"^WARNING what exists once is tried again in (0\.[789]|1\.0) s:"
            r" the worker that was appointed ended after 0\.\d s$"
        )
        run.wait_for("runs what exists once, number 7")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0
        assert len([line for line in run.lines if "is tried again" in line]) == 1


def test_workers_of_an_earlier_release_are_not_appointed():
    with Run("serve", workers=2) as run:
        run.wait_for("2 workers are ready")
        run.signal(signal.SIGUSR1)
        run.wait_for(r"^\d+ stacks", 2)
        assert orders(run) == []
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_one_more_and_one_less_and_never_none():
    with Run("serve") as run:
        run.wait_for("serving")
        run.signal(signal.SIGTTIN)
        second = int(run.wait_for(r"^(\d+) runs serve in slot 2")[1])
        # One that is not ready is stopped by a signal. This one has said so when it hears of its
        # peers, and the master has heard it when it has turned once more.
        run.wait_for(rf"^{second} peers ")
        run.signal(signal.SIGUSR1)
        run.wait_for(rf"^{second} stacks")
        run.signal(signal.SIGTTOU)
        run.wait_for(rf"^{second} stop ")
        run.signal(signal.SIGTTOU)
        run.wait_for("SIGTTOU", 2)
        run.signal(signal.SIGTTOU)
        run.wait_for("SIGTTOU", 3)
        assert alive(run.pid_of("serve", 1))
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_usr1_reopens_logs_and_asks_for_stacks():
    with Run("serve") as run:
        run.wait_for("serving")
        run.signal(signal.SIGUSR1)
        run.wait_for("reopened")
        run.wait_for(r"^\d+ stacks")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


@pytest.mark.parametrize("deed", ["deaf", "obscure"])
def test_odd_worker_does_not_hold_up_the_master(deed):
    with Run(deed, "serve", workers=2) as run:
        run.wait_for("2 workers are ready")
        run.signal(signal.SIGUSR1)
        run.wait_for(r"^\d+ stacks")
        if deed == "deaf":
            os.kill(run.pid_of("deaf"), signal.SIGALRM)
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_worker_that_breaks_the_protocol_is_hung_up_on():
    with Run("garbage", "serve", workers=2, heartbeat=0.3) as run:
        run.wait_for("hung up on")
        run.wait_for(r"runs serve in slot 1")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_workers_of_a_killed_master_hear_the_end_of_the_channel():
    with Run("serve", workers=2) as run:
        run.wait_for("2 workers are ready")
        run.signal(signal.SIGKILL)
        run.wait_for("orphaned", 2)
        assert run.ended() == -signal.SIGKILL


def test_worker_inherits_its_channel_and_the_listeners_alone():
    with Run("descriptors") as run:
        opened = run.wait_for(r"^\d+ open (.*)")[1].split()
        assert [int(text.partition("=")[0]) for text in opened[:3]] == [0, 1, 2]
        assert [text.partition("=")[2] for text in opened[3:] if "socket" in text] == ["socket"] * 2
        assert len([text for text in opened[3:] if "socket" not in text]) <= 1  # the directory read
        # What is the master's to heed waits until the worker ignores it: SIGTERM is not among them.
        assert "SIGTERM" not in run.wait_for(r"^\d+ blocked(.*)")[1].split()
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


def test_term_before_anybody_is_ready_ends_with_0():
    with Run("hang") as run:
        run.wait_for("hangs")
        run.signal(signal.SIGTERM)
        assert run.ended() == 0


# -- snapshots


def snapshot(run, count):
    """Have the master make a snapshot; return it."""
    run.signal(signal.SIGUSR1)
    return json.loads(run.wait_for("snapshot (.*)", count)[1])


def test_snapshot_says_who_serves_and_what_all_have_counted():
    with Run("counting", "counting", "counting", totals=True, workers=2) as run:
        run.wait_for("2 workers are ready")
        shot = snapshot(run, 1)
        assert (shot["state"], shot["ready"], shot["wanted"]) == ("serving", 2, 2)
        assert (shot["served"], shot["reloading"]) == (True, False)
        assert (shot["restarts"], shot["missed"]) == (0, 0)
        assert [each["slot"] for each in shot["workers"]] == [1, 2]
        assert {each["state"] for each in shot["workers"]} == {"ready"}
        assert all(0 <= each["beat_age"] <= each["age"] for each in shot["workers"])
        assert shot["master"]["pid"] == run.process.pid
        assert shot["master"]["rss"] > 2**20
        assert shot["master"]["fds"] > 5
        killed = run.pid_of("counting")
        os.kill(killed, signal.SIGKILL)
        run.wait_for("is back: 2 of 2 workers are ready")
        shot = snapshot(run, 2)
        assert (shot["restarts"], shot["missed"]) == (1, 1)
        assert len(shot["retired"]["series"]["messages_total"]) == 1


def test_snapshot_counts_a_worker_that_died_before_its_first_beat():
    with Run("counting", "fleeting", "counting", totals=True, workers=2) as run:
        run.wait_for("ended with status 5")
        run.wait_for("is back: 2 of 2 workers are ready")
        shot = snapshot(run, 1)
        assert (shot["restarts"], shot["missed"]) == (1, 1)


def test_a_reload_keeps_what_was_counted_to_the_last_message():
    with Run("counting", totals=True) as run:
        run.wait_for("1 worker is ready")
        for count in (1, 2):
            run.signal(signal.SIGHUP)
            run.wait_for("has ended", count)
            run.wait_for("1 worker is ready")
        said = [int(line.split()[-1]) for line in run.lines if " counted " in line]
        shot = snapshot(run, 1)
        assert len(said) == 2
        assert shot["retired"]["series"]["messages_total"] == [[["in"], sum(said)]]
        assert (shot["restarts"], shot["missed"]) == (0, 0)


def test_snapshot_without_totals_says_who_serves():
    with Run("counting") as run:
        run.wait_for("1 worker is ready")
        shot = snapshot(run, 1)
        assert shot["retired"] == {}
        assert shot["workers"][0]["totals"] is None
        assert "messages_total" not in totals_of(shot, age=0.0)["series"]
