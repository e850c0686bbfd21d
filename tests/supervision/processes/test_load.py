"""How workers see that one has more clients than the others; each maps the same file."""

from __future__ import annotations

import pytest

from supervision.processes.bounds import MAX_WORKERS
from supervision.processes.load import LoadShare


@pytest.fixture
def path(tmp_path):
    LoadShare.create(tmp_path / "load")
    return tmp_path / "load"


def worker(path, slot, clients=0):
    """Return the end of a worker with so many clients."""
    load = LoadShare(path, slot).enter()
    for _ in range(clients):
        load.opened()
    return load


@pytest.mark.parametrize(("mine", "crowded"), [(18, False), (19, True), (20, True)])
def test_more_than_1_3_times_the_average_is_crowded(path, mine, crowded):
    worker(path, 1, 10)
    assert worker(path, 2, mine).crowded() is crowded


def test_one_alone_is_never_crowded(path):
    assert not worker(path, 1, 100).crowded()


def test_one_without_clients_is_not_crowded(path):
    worker(path, 1)
    assert not worker(path, 2).crowded()


def test_first_client_goes_to_the_other(path):
    worker(path, 1)
    assert worker(path, MAX_WORKERS, 1).crowded()


def test_clients_that_leave_do_not_count(path):
    mine = worker(path, 1, 2)
    worker(path, 2, 1)
    assert mine.crowded()
    mine.closed()
    assert not mine.crowded()


def test_who_has_not_entered_does_not_count(path):
    LoadShare(path, 2)
    assert not worker(path, 1, 5).crowded()


def test_who_has_left_does_not_count_nor_come_back(path):
    mine, other = worker(path, 1, 5), worker(path, 2)
    assert mine.crowded()
    other.withdraw()
    assert not mine.crowded()
    other.opened()
    other.closed()
    other.withdraw()
    assert not mine.crowded()


def test_slot_of_one_that_was_killed_can_be_cleared(path):
    worker(path, 2)
    mine = worker(path, 1, 5)
    LoadShare.clear(path, 2)
    assert not mine.crowded()


def test_successor_in_the_slot_counts_at_once_and_its_predecessor_no_more(path):
    old, mine = worker(path, 1, 10), worker(path, 2, 3)
    assert not mine.crowded()
    new = worker(path, 1)
    assert mine.crowded()
    old.closed()
    old.withdraw()
    assert mine.crowded()
    new.opened()
    assert mine.accepting_elsewhere() == (1,)


def test_one_that_accepts_again_does_not_take_the_slot_of_its_successor(path):
    old, mine = worker(path, 1, 10), worker(path, 2, 3)
    worker(path, 1, 1)
    old.enter()
    old.opened()
    assert mine.accepting_elsewhere() == (1,)


def test_one_that_stands_back_does_not_count_and_is_seen(path):
    mine, other, third = worker(path, 1, 5), worker(path, 2), worker(path, 3, 5)
    assert mine.crowded()
    other.stand_back(True)
    assert not mine.crowded()
    assert mine.accepting_elsewhere() == (5,)
    assert mine.elsewhere() == (0, 5)
    other.opened()
    assert mine.elsewhere() == (1, 5)
    other.stand_back(False)
    assert mine.accepting_elsewhere() == (1, 5)
    assert other.accepting_elsewhere() == (5, 5)
    third.withdraw()
    assert mine.elsewhere() == (1,)
