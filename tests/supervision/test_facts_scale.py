"""Facts 88 to 91: many children, stray messages and reports (OTP's supervisor suite)."""

from __future__ import annotations

import logging
import time

import pytest

from actors.reasons import SHUTDOWN
from supervision.dynamic import DynamicSupervisor
from supervision.supervisor import Supervisor
from tests.supervision.family import (
    DEADLINE,
    DETAILED,
    OwnWay,
    Starter,
    Worker,
    child,
    end,
    ended,
    stop,
)


def seconds_to_stop_dynamic(count):
    supervisor = DynamicSupervisor.start()
    spec = child("c", restart="temporary")
    for _ in range(count):
        supervisor.start_child(spec)
    began = time.perf_counter()
    stop(supervisor)
    return time.perf_counter() - began


def test_f88_ten_times_the_dynamic_children_stop_in_less_than_fifty_times_the_time():
    few = min(seconds_to_stop_dynamic(1000) for _ in range(3))
    assert seconds_to_stop_dynamic(10_000) < 50 * few


def seconds_of_static(count):
    began = time.perf_counter()
    supervisor = Supervisor.start([child(n) for n in range(count)])
    started = time.perf_counter()
    supervisor.exit()
    assert supervisor.wait()
    return started - began, time.perf_counter() - started


@pytest.mark.slow
@pytest.mark.timeout(300)  # it compares two times, and measured coverage makes both long
def test_f89_a_hundred_thousand_static_children_start_and_stop_within_ten_times_linear():
    few = seconds_of_static(1000)
    many = seconds_of_static(100_000)
    assert many[0] < 10 * 100 * few[0]
    assert many[1] < 10 * 100 * few[1]


@pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
def test_f90_supervisor_survives_messages_that_it_does_not_know(kind, caplog):
    supervisor = kind.start()
    ref = supervisor.start_child(Worker)
    supervisor.tell("x" * 10_000)
    assert supervisor.ask({"what": "is this"}, timeout=DEADLINE) is None
    lines = [r.getMessage() for r in caplog.records if "unexpected message" in r.getMessage()]
    assert len(lines) == 2
    assert max(map(len, lines)) < 400
    assert supervisor.which_children()[0].ref is ref


def reports(caplog):
    return [r.getMessage() for r in caplog.records if r.name == "roost.supervision"]


@pytest.mark.parametrize("kind", [Supervisor, DynamicSupervisor])
def test_f91_failure_of_a_child_is_one_line_with_who_what_and_why(kind, caplog):
    supervisor, starter = kind.start(intensity=1), Starter()
    ref = supervisor.start_child(child("its id", starter))
    starter.failures = [OSError("not again")]
    ref.tell(ValueError("the reason"))
    assert ended(supervisor) == SHUTDOWN
    terminated, start_error, shutdown = reports(caplog)
    for line in (terminated, start_error, shutdown):
        assert line.startswith(f"{kind.__name__} (")
        assert "'its id'" in line
        assert "\n" not in line
    assert "child_terminated: ValueError: the reason at tests/supervision/family.py:" in terminated
    assert str(ref) in terminated
    assert "start_error: OSError: not again at tests/supervision/family.py:" in start_error
    assert "shutdown: reached_max_restart_intensity" in shutdown


def test_f91_child_that_was_stopped_and_ended_otherwise_is_a_shutdown_error(caplog):
    supervisor = Supervisor.start([child("c", OwnWay.start, args=(DETAILED,))])
    stop(supervisor)
    (line,) = reports(caplog)
    assert "shutdown_error: shutdown 'why'" in line


@pytest.mark.parametrize("restart", ["transient", "temporary"])
def test_f91_clean_end_of_a_child_that_may_end_is_no_news(restart, caplog):
    supervisor = Supervisor.start([child("c", restart=restart)])
    end(supervisor.which_child("c").ref, DETAILED)
    stop(supervisor)
    assert reports(caplog) == []


def test_f91_report_is_bounded_whatever_it_holds(caplog):
    supervisor = Supervisor.start(intensity=0)
    name = "n" * 1_000_000
    ref = supervisor.start_child(child(name))
    ref.tell(ValueError("line\n" * 100_000))
    assert ended(supervisor) == SHUTDOWN
    lines = reports(caplog)
    assert len(lines) == 2
    assert max(map(len, lines)) < 1000
    assert not any("\n" in line for line in lines)


def test_f91_start_of_a_child_is_told_at_debug_level(caplog):
    with caplog.at_level(logging.DEBUG, logger="roost.supervision"):
        Supervisor.start([child("its id")])
    assert reports(caplog)[0].endswith("started 'its id'")
