"""What the master comes late, on a clock of the test's."""

from __future__ import annotations

import math

import pytest

from supervision.processes.lateness import LONGEST_WAIT, PER_TIMEOUT, Lateness


def test_master_that_wakes_when_it_should_is_not_late():
    it = Lateness(100.0, 30.0)
    assert it.wake(130.0) == 100.0 + LONGEST_WAIT
    assert it.looked(101.0) == 0.0
    assert it.wake(101.5) == 101.5
    assert it.looked(101.2) == 0.0, "something came before"


@pytest.mark.parametrize("pause", [0.5, 3600.0])
def test_pause_in_the_wait_is_lateness(pause):
    it = Lateness(100.0, 30.0)
    assert it.looked(it.wake(130.0) + pause) == pytest.approx(pause)


def test_pause_in_the_work_between_two_waits_is_lateness():
    it = Lateness(100.0, 30.0)
    it.looked(100.0)
    # it works until 160, so that its wait is over before it begins
    it.wake(130.0)
    assert it.looked(160.0) == pytest.approx(60.0 - LONGEST_WAIT)


def test_deadline_that_is_over_counts_from_the_last_look():
    it = Lateness(100.0, 30.0)
    it.wake(90.0)
    assert it.looked(100.25) == 0.25


def test_short_timeouts_are_looked_after_more_often():
    it = Lateness(100.0, 1.0)
    assert it.wake(101.0) == 100.0 + 1.0 / PER_TIMEOUT


def test_where_nothing_is_due_nobody_is_late():
    it = Lateness(100.0, 30.0)
    assert it.wake(math.inf) == math.inf
    assert it.looked(1e6) == 0.0


@pytest.mark.parametrize("late", [0.0, 0.05, 1.0, 20.0])
def test_worker_that_hangs_is_found_on_a_host_so_busy_that_the_master_is_always_late(late):
    clock, it = 100.0, Lateness(100.0, 30.0)
    due, rounds = 130.0, 0
    while due > clock:
        clock = max(clock, it.wake(due)) + late
        due += it.looked(clock)
        rounds += 1
    assert rounds <= 30.0 / LONGEST_WAIT + 1
