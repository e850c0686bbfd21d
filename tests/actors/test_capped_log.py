"""What is written and what is counted, on a clock that the test moves."""

from __future__ import annotations

import logging

import pytest

from actors.capped_log import KEYS, CappedLog, tell_all
from actors.logs.formatter import LineFormatter, SafeLines

logger = logging.getLogger("tests.capped")


class World:
    def __init__(self):
        self.now = 0.0
        self.due = []

    def clock(self):
        return self.now

    def later(self, delay, function):
        self.due.append((self.now + delay, function))

    def move(self, seconds):
        self.now += seconds
        due = [function for when, function in self.due if when <= self.now]
        self.due = [entry for entry in self.due if entry[0] > self.now]
        for function in due:
            function()


@pytest.fixture
def world(caplog):
    caplog.set_level(logging.INFO, "tests.capped")
    return World()


def said(caplog):
    return [record.getMessage() for record in caplog.records if record.name == logger.name]


@pytest.mark.parametrize("burst", [1, 3])
def test_lines_beyond_the_burst_are_counted_and_told_when_the_period_is_over(world, caplog, burst):
    log = CappedLog(logger, burst=burst, period=2.0, clock=world.clock, later=world.later)
    for number in range(burst + 99):
        log.log(logging.INFO, "kind", "refused %s", number)
    assert said(caplog) == [f"refused {number}" for number in range(burst)]
    assert len(world.due) == 1
    world.move(2.0)
    assert said(caplog)[burst:] == [f"refused {burst} (99 lines like this were held back)"]
    log.log(logging.INFO, "kind", "refused %s", "again")
    assert said(caplog)[-1] == "refused again"


@pytest.mark.parametrize(("passed", "lines"), [(0.999, 1), (1.0, 2), (1.001, 2)])
def test_period_begins_with_the_first_line(world, caplog, passed, lines):
    log = CappedLog(logger, clock=world.clock)
    log.log(logging.INFO, "kind", "x")
    world.now = passed
    log.log(logging.INFO, "kind", "x")
    assert len(caplog.records) == lines


def test_next_line_tells_the_count_where_nobody_calls_later(world, caplog):
    log = CappedLog(logger, clock=world.clock)
    for _ in range(3):
        log.log(logging.WARNING, "kind", "x")
    world.now = 5.0
    log.log(logging.WARNING, "kind", "y")
    assert said(caplog) == ["x", "x (2 lines like this were held back)", "y"]
    assert {record.levelno for record in caplog.records} == {logging.WARNING}


def test_next_line_has_the_count_where_it_is_the_same(world, caplog):
    log = CappedLog(logger, clock=world.clock, later=world.later)
    for _ in range(2):
        log.log(logging.WARNING, "kind", "x of %s", 1)
    world.now = 5.0
    log.log(logging.WARNING, "kind", "x of %s", 1)
    assert said(caplog) == ["x of 1", "x of 1 (1 line like this was held back)"]
    world.move(0.0)
    log.log(logging.WARNING, "kind", "x of %s", 2)
    world.now = 10.0
    log.log(logging.WARNING, "kind", "x of %s", 3)
    assert said(caplog)[2:] == ["x of 2 (1 line like this was held back)", "x of 3"]


def test_nothing_is_told_where_nothing_was_held_back(world, caplog):
    log = CappedLog(logger, clock=world.clock, later=world.later)
    for _ in range(5):
        log.log(logging.INFO, "kind", "x")
        world.move(1.0)
    assert said(caplog) == ["x"] * 5


def test_count_may_have_a_level_of_its_own(world, caplog):
    log = CappedLog(logger, count_level=logging.INFO, clock=world.clock, later=world.later)
    for _ in range(2):
        log.log(logging.ERROR, "kind", "x")
    world.move(1.0)
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.INFO]


def test_kinds_are_counted_apart(world, caplog):
    log = CappedLog(logger, clock=world.clock)
    for kind in ("a", "b", "a", "b"):
        log.log(logging.INFO, kind, "%s", kind)
    assert said(caplog) == ["a", "b"]


def test_kinds_are_bounded_and_no_count_is_lost(world, caplog):
    log = CappedLog(logger, clock=world.clock)
    for _ in range(2):
        log.log(logging.INFO, "oldest", "oldest")
    for kind in range(KEYS):
        log.log(logging.INFO, kind, "x")
    assert len(log._windows) == KEYS
    assert "oldest (1 line like this was held back)" in said(caplog)


def test_stack_is_printed_with_the_first_line_of_a_period_alone(world, caplog):
    log = CappedLog(logger, burst=3, clock=world.clock)
    for _ in range(5):
        log.log(logging.ERROR, "kind", "x", error=ValueError("v"))
    world.now = 1.0
    log.log(logging.ERROR, "kind", "x", error=ValueError("v"))
    *first, held, again = caplog.records
    assert all(record.exc_info for record in (*first, again))  # for Sentry and its like
    assert held.exc_info is None
    lines = [LineFormatter().format(record) for record in caplog.records]
    assert [line.count("\n  ValueError: ") for line in lines] == [1, 0, 0, 0, 1]
    for record in caplog.records:
        SafeLines().filter(record)
    lines = [logging.Formatter().format(record) for record in caplog.records]
    assert [line.count("\nValueError: ") for line in lines] == [1, 0, 0, 0, 1]


def test_level_that_nobody_wants_costs_nothing(world, caplog):
    log = CappedLog(logger, clock=world.clock, later=world.later)
    for _ in range(5):
        log.log(logging.DEBUG, "kind", "x")
    assert (said(caplog), log._windows, world.due) == ([], {}, [])


def test_counts_are_told_at_the_end_of_the_process_once(world, caplog):
    log = CappedLog(logger, clock=world.clock)
    for kind in ("a", "b", "a", "b", "b"):
        log.log(logging.INFO, kind, "%s", kind)
    tell_all()
    tell_all()
    lines = [
        "a",
        "b",
        "a (1 line like this was held back)",
        "b (2 lines like this were held back)",
    ]
    assert said(caplog) == lines
