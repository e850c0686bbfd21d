"""Filters and handlers that raise: said once, and nobody else notices."""

from __future__ import annotations

import logging

import pytest

from actors.logs import guard
from actors.logs.formatter import LOGGERS
from actors.logs.guard import GuardedLogger, GuardedRoot


@pytest.fixture
def told(monkeypatch):
    """A set of what was told that is this test's own."""
    monkeypatch.setattr(guard, "_told", set())


class Kept(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


class Broken(logging.Handler):
    def handle(self, record):
        raise ValueError(f"no token=SECRET {record.name}")


class BrokenFilter(logging.Filter):
    def filter(self, record):
        raise ValueError(record.name)


def as_function(record):
    raise ValueError(record.name)


class Duck:
    def filter(self, record):
        return record.getMessage() != "unwanted"


@pytest.fixture
def logger():
    made = GuardedLogger("guarded")
    made.parent = logging.getLogger("roost.endpoint")
    kept = Kept()
    logging.getLogger("roost.endpoint").addHandler(kept)
    yield made, kept
    logging.getLogger("roost.endpoint").removeHandler(kept)


def test_our_loggers_are_guarded():
    for name in LOGGERS:
        assert type(logging.getLogger(name)) is GuardedLogger
    assert type(logging.getLogger("somebody.else")) is logging.Logger


@pytest.mark.usefixtures("told")
def test_handler_that_raises_is_told_once_and_the_others_have_the_line(logger):
    log, kept = logger
    log.addHandler(Broken())
    for number in range(3):
        log.warning("line %d", number)
    assert [line for line in kept.lines if line.startswith("line")] == [
        "line 0",
        "line 1",
        "line 2",
    ]
    (said,) = [line for line in kept.lines if not line.startswith("line")]
    assert said.startswith("a log handler of Broken failed: ValueError: no token=[FILTERED]")


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize("broken", [BrokenFilter(), as_function], ids=["filter", "function"])
def test_filter_that_raises_lets_the_record_pass(logger, broken):
    log, kept = logger
    log.addFilter(broken)
    log.warning("a")
    log.warning("b")
    assert [line for line in kept.lines if len(line) == 1] == ["a", "b"]
    assert len([line for line in kept.lines if "a log filter of" in line]) == 1


@pytest.mark.usefixtures("told")
def test_handler_of_the_logger_that_tells_may_be_the_one_that_raises(logger):
    _, kept = logger
    told = logging.getLogger("roost.endpoint")
    broken, refusing = Broken(), BrokenFilter()
    told.addHandler(broken)
    told.addFilter(refusing)
    try:
        told.warning("a")
    finally:
        told.removeHandler(broken)
        told.removeFilter(refusing)
    assert kept.lines.count("a") == 1
    assert len(kept.lines) == 3


def test_filter_still_leaves_out_and_replaces(logger):
    log, kept = logger
    log.addFilter(Duck())
    log.addFilter(lambda record: logging.makeLogRecord({**vars(record), "msg": "other"}))
    log.warning("unwanted")
    log.warning("wanted")
    assert kept.lines in (["other"], ["wanted"])  # the latter before Python 3.12


def test_level_of_a_handler_and_propagate_count_as_ever(logger):
    log, kept = logger
    own = Kept()
    own.setLevel(logging.ERROR)
    log.addHandler(own)
    log.propagate = False
    log.warning("low")
    log.error("high")
    assert (own.lines, kept.lines) == (["high"], [])


def test_logger_without_handlers_has_the_last_resort(capsys):
    GuardedLogger("alone").warning("said")
    assert capsys.readouterr().err == "said\n"


@pytest.mark.usefixtures("told")
def test_failures_that_are_told_are_bounded(monkeypatch, logger):
    _, kept = logger
    monkeypatch.setattr(guard, "MAX_TOLD", 1)
    for kind in (ValueError, KeyError):
        guard.failed("handler", object(), kind("x"))
    assert len(kept.lines) == 1


def test_all_loggers_of_the_process_can_be_guarded(monkeypatch):
    monkeypatch.setattr(logging, "_loggerClass", logging.Logger)
    plain = logging.getLogger("tests.plain")
    kinds = {each: type(each) for each in logging.Logger.manager.loggerDict.values()}
    root = type(logging.root)
    try:
        guard.guard(all_loggers=True)
        guard.guard(all_loggers=True)
        assert type(plain) is GuardedLogger
        assert type(logging.getLogger("tests.made_later")) is GuardedLogger
        assert type(logging.root) is GuardedRoot
    finally:
        logging.root.__class__ = root
        for each, kind in kinds.items():
            if isinstance(each, logging.Logger):
                each.__class__ = kind
        logging.getLogger("tests.made_later").__class__ = logging.Logger
