"""Reloads while workers boot, and with another number of them; and what is refused."""

from __future__ import annotations

import os
import re
import signal
import socket

import pytest

from tests.supervision.processes.test_master import Run, alive, few_descriptors, snapshot
from tests.support.waiting import DEADLINE

BOOTS = r"no worker is ready yet: worker w-\d+ \(pid (\d+)\) is replaced when it is"


def started(run: Run) -> list[tuple[int, int]]:
    """Return the slot of each worker in the order of their starts, and the reload it is of."""
    found = (re.search(r"^\d+ runs .* in slot (\d+) of reload (\d+)$", line) for line in run.lines)
    return [(int(each[1]), int(each[2])) for each in found if each]


def hup(run: Run, count: int = 1) -> None:
    run.signal(signal.SIGHUP)
    run.wait_for("INFO SIGHUP", count)


def wake(run: Run, count: int = 1) -> int:
    """Have a worker that waits go on; return its pid."""
    pid = int(run.wait_for(r"^(\d+) waits", count)[1])
    os.kill(pid, signal.SIGALRM)
    return pid


def terminate(run: Run) -> None:
    run.signal(signal.SIGTERM)
    assert run.ended() == 0


# -- while the first one boots


@pytest.mark.parametrize("workers", [1, 3])
def test_a_reload_at_the_boot_replaces_the_first_worker_and_the_others_follow_it(workers):
    with Run("late", "polite", workers=workers, events=True) as run:
        run.wait_for(r"^\d+ waits")
        hup(run)
        pid = int(run.wait_for(BOOTS)[1])
        assert wake(run) == pid
        run.wait_for(rf"^{pid} stop ")
        run.wait_for(rf"{workers} workers? (is|are) ready")
        run.wait_for('event ."reload.stop"')
        shot = snapshot(run, 1)
        assert (shot["ready"], shot["wanted"]) == (workers, workers)
        terminate(run)
        assert sorted(started(run)) == [
            (1, 0),
            (1, 1),
            *((slot, 1) for slot in range(2, workers + 1)),
        ]
        assert sum('event ["reload.start"' in line for line in run.lines) == 1


def test_several_reloads_at_the_boot_are_one():
    with Run("late", "polite", workers=2) as run:
        run.wait_for(r"^\d+ waits")
        for count in (1, 2, 3):
            hup(run, count)
            run.wait_for(BOOTS, count)
        wake(run)
        run.wait_for("2 workers are ready")
        terminate(run)
        assert started(run) == [(1, 0), (1, 3), (2, 3)]


def test_a_reload_while_that_of_the_boot_goes_on_is_one_more():
    with Run("late", "late", "polite", workers=2) as run:
        run.wait_for(r"^\d+ waits")
        hup(run)
        run.wait_for(BOOTS)
        wake(run)
        run.wait_for(r"^\d+ waits", 2)
        hup(run, 2)
        wake(run, 2)
        run.wait_for("2 workers are ready")
        terminate(run)
        assert started(run) == [(1, 0), (1, 1), (1, 2), (2, 2)]


def test_a_first_worker_that_ends_with_2_after_a_reload_ends_the_master_with_2():
    with Run("late exit 2", workers=2) as run:
        run.wait_for(r"^\d+ waits")
        hup(run)
        run.wait_for(BOOTS)
        wake(run)
        assert run.ended() == 2
        assert started(run) == [(1, 0)]


def test_a_first_worker_that_is_tried_again_after_a_reload_is_not_replaced():
    with Run("late exit 1", "polite", workers=2, events=True) as run:
        run.wait_for(r"^\d+ waits")
        hup(run)
        run.wait_for(BOOTS)
        wake(run)
        run.wait_for("2 workers are ready")
        terminate(run)
        assert started(run) == [(1, 0), (1, 1), (2, 1)]
        assert not any("reload.start" in line for line in run.lines)


def test_a_reload_that_is_off_at_the_boot_leaves_the_first_and_all_go_by_what_it_was_told():
    with Run("late", "exit 1", "polite", workers=3, reloads=[2]) as run:
        run.wait_for(r"^\d+ waits")
        hup(run)
        run.wait_for(BOOTS)
        pid = wake(run)
        run.wait_for("the reload is off")
        run.wait_for("3 workers are wanted as before, not 2")
        run.wait_for("3 workers are ready")
        assert alive(pid)
        terminate(run)
        assert sorted(started(run)) == [(1, 0), (1, 1), (2, 0), (3, 0)]


def test_where_the_one_in_its_place_cannot_be_started_the_first_serves_on():
    with Run("late", "polite", workers=2) as run:
        run.wait_for(r"^\d+ waits")
        hup(run)
        run.wait_for(BOOTS)
        with few_descriptors(run.process.pid):
            pid = wake(run)
            run.wait_for("the reload is off")
        run.wait_for("2 workers are ready")
        assert alive(pid)
        terminate(run)
        assert started(run) == [(1, 0), (2, 0)]


@pytest.mark.parametrize("serves", [False, True])
def test_a_stop_after_a_reload_at_the_boot_starts_nobody(serves):
    with Run("late", "hang", workers=2) as run:
        run.wait_for(r"^\d+ waits")
        hup(run)
        run.wait_for(BOOTS)
        if serves:
            wake(run)
            run.wait_for("hangs")
        terminate(run)
        assert started(run) == [(1, 0), (1, 1)][: 1 + serves]


def test_a_reload_while_the_second_boots_replaces_both():
    with Run("polite", "late", "polite", workers=2) as run:
        run.wait_for(r"^\d+ waits")
        hup(run)
        run.wait_for("2 workers are ready")
        terminate(run)
        assert started(run) == [(1, 0), (2, 0), (1, 1), (2, 1)]


def test_the_manager_is_told_that_all_are_ready_before_it_hears_of_reloads(tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(DEADLINE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        with Run("late", "polite", workers=2) as run:
            run.wait_for(r"^\d+ waits")
            hup(run)
            run.wait_for(BOOTS)
            wake(run)
            assert manager.recv(1000) == b"READY=1\nSTATUS=serving with 2 workers"
            hup(run, 2)
            assert manager.recv(1000).startswith(b"RELOADING=1\n")
            assert manager.recv(1000) == b"READY=1\nSTATUS=serving with 2 workers"
            terminate(run)


# -- another number of workers


@pytest.mark.parametrize(("before", "after"), [(3, 1), (1, 3)])
def test_another_number_counts_where_the_first_new_worker_serves(before, after):
    with Run(*["polite"] * before, "late", "polite", workers=before, reloads=[after]) as run:
        run.wait_for(rf"{before} workers? (is|are) ready")
        hup(run)
        run.wait_for(r"^\d+ waits")
        shot = snapshot(run, 1)
        assert (shot["ready"], shot["wanted"]) == (before, before)
        assert not any(re.search(r"^\d+ stop ", line) for line in run.lines)
        wake(run)
        run.wait_for(rf"{after} workers? (is|are) wanted now; so far it was {before}")
        run.wait_for("has ended", before)
        run.wait_for(r"^\d+ runs .* of reload 1", after)
        assert snapshot(run, 2)["wanted"] == after
        terminate(run)
        assert sorted(started(run)[before:]) == [(slot, 1) for slot in range(1, after + 1)]


@pytest.mark.parametrize(("before", "after"), [(3, 1), (1, 3)])
def test_another_number_waits_for_a_good_reload_where_this_one_is_off(before, after):
    script = [*["polite"] * before, "exit 1", "polite"]
    with Run(*script, workers=before, reloads=[after, after]) as run:
        run.wait_for(rf"{before} workers? (is|are) ready")
        hup(run)
        run.wait_for("the reload is off")
        run.wait_for(rf"{before} workers? (is|are) wanted as before, not {after}")
        shot = snapshot(run, 1)
        assert (shot["ready"], shot["wanted"]) == (before, before)
        assert not any(re.search(r"^\d+ stop ", line) for line in run.lines)
        os.kill(run.pid_of("polite"), signal.SIGKILL)  # who comes instead is of no reload
        run.wait_for(rf"is back: {before} of {before} workers? (is|are) ready")
        assert snapshot(run, 2)["wanted"] == before
        hup(run, 2)
        run.wait_for(rf"{after} workers? (is|are) wanted now; so far it was {before}")
        terminate(run)


def test_the_same_number_changes_nothing_about_what_signals_have_made_of_it():
    with Run("polite", workers=1) as run:
        run.wait_for("1 worker is ready")
        run.signal(signal.SIGTTIN)
        run.wait_for("SIGTTIN")
        hup(run)
        run.wait_for("has ended", 2)
        assert snapshot(run, 1)["wanted"] == 2
        terminate(run)


def test_what_a_later_reload_says_counts_also_where_the_one_before_fails():
    with Run("polite", "late exit 1", "polite", workers=1, reloads=[3, 2]) as run:
        run.wait_for("1 worker is ready")
        hup(run)
        run.wait_for(r"^\d+ waits")
        hup(run, 2)
        wake(run)
        run.wait_for("2 workers are wanted now; so far it was 1")
        run.wait_for(r"^\d+ runs .* of reload 2", 2)
        terminate(run)
        assert sorted(started(run)) == [(1, 0), (1, 1), (1, 2), (2, 2)]
        assert not any("reload is off" in line for line in run.lines)


def test_a_number_that_is_taken_back_while_the_reload_goes_on_is_none():
    with Run("polite", "polite", "late", "polite", workers=2, reloads=[1, 2]) as run:
        run.wait_for("2 workers are ready")
        hup(run)
        run.wait_for(r"^\d+ waits")
        hup(run, 2)
        wake(run)
        run.wait_for("has ended", 3)
        assert snapshot(run, 1)["wanted"] == 2
        terminate(run)
        assert not any("wanted now" in line for line in run.lines)


# -- what is refused


def test_a_new_master_at_the_boot_is_refused_in_words():
    with Run("late") as run:
        run.wait_for(r"^\d+ waits")
        run.signal(signal.SIGUSR2)
        run.wait_for("WARNING no new master is started: this one is booting")
        wake(run)
        run.wait_for("1 worker is ready")
        run.signal(signal.SIGUSR2)
        run.wait_for("started a new master")
        terminate(run)


def test_a_reload_is_refused_in_words_while_the_master_stops():
    with Run("polite", lame_duck=600.0) as run:
        run.wait_for("1 worker is ready")
        run.signal(signal.SIGTERM)
        run.wait_for("the drain begins in 600 s")
        hup(run)
        run.wait_for("WARNING nothing is reloaded: this master is stopping")
        run.signal(signal.SIGUSR2)
        run.wait_for("WARNING no new master is started: this one is stopping")
        terminate(run)
        assert started(run) == [(1, 0)]
