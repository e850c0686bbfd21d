"""The lines of crashes: where they were, and how many are written."""

from __future__ import annotations

import logging
import threading
from typing import Any

import pytest

from actors import crash_log
from actors.crash_log import LINES, CrashLog
from actors.runtime import Actor
from tests.support.recorder import Recorder
from tests.support.waiting import DEADLINE, eventually

logger = logging.getLogger("tests.crashes")


@pytest.fixture
def silent_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have counts told by the next line alone: other tests count lines as well."""
    monkeypatch.setattr(crash_log, "later", lambda delay, function: None)


def failing(text: str = "no") -> None:
    raise ValueError(text)


def failed(text: str = "no") -> ValueError:
    try:
        failing(text)
    except ValueError as error:
        return error
    raise AssertionError


HERE = f"test_crash_log.py:{failing.__code__.co_firstlineno + 1} in failing"


@pytest.mark.parametrize(
    ("count", "written"), [(LINES - 1, LINES - 1), (LINES, LINES), (LINES + 1, LINES)]
)
@pytest.mark.usefixtures("silent_later")
def test_crashes_of_one_place_are_bounded(
    caplog: pytest.LogCaptureFixture, count: int, written: int
) -> None:
    log = CrashLog(logger)
    for number in range(count):
        log.log(failed(f"number {number}"), "it crashed")
    assert len(caplog.records) == written
    assert caplog.records[0].getMessage().startswith("it crashed: ValueError: number 0 at ")
    assert all(record.getMessage().endswith(HERE) for record in caplog.records)


@pytest.mark.usefixtures("dispatcher")
def test_count_is_told_though_no_other_line_comes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tests.crashes")
    log = CrashLog(logger, burst=1, period=0.01)
    for _ in range(1000):
        log.log(failed(), "it crashed")
    eventually(lambda: sum(_counts(caplog)) == 1000)


def _counts(caplog: pytest.LogCaptureFixture) -> list[int]:
    held = "lines like this were held back)"
    texts = [record.getMessage() for record in caplog.records]
    return [int(t.rsplit("(", 1)[1].split()[0]) if t.endswith(held) else 1 for t in texts]


@pytest.mark.usefixtures("silent_later")
def test_crashes_that_differ_are_counted_apart(caplog: pytest.LogCaptureFixture) -> None:
    log = CrashLog(logger, burst=1)
    other = KeyError("another type")
    for owner in (Actor, Recorder):
        for error in (failed(), other):
            for message in ("it crashed", "terminate failed"):
                for _ in range(3):
                    log.log(error, message, owner=owner)
    assert len(caplog.records) == 8


def test_thread_without_a_dispatcher_may_log(caplog: pytest.LogCaptureFixture) -> None:
    log = CrashLog(logger, burst=1)

    def work() -> None:
        for _ in range(3):
            log.log(failed(), "it crashed")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(DEADLINE)
    assert len(caplog.records) == 1


def test_actor_whose_words_for_itself_fail_or_are_long_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Mute(Actor):
        def __str__(self) -> str:
            raise RuntimeError

        def on_receive(self, message: Any) -> Any:
            failing()

    class Wordy(Mute):
        def __str__(self) -> str:
            return "x" * 10_000_000

    for kind in (Mute, Wordy):
        ref = kind.start()
        ref.tell("fail")
        assert ref.wait(DEADLINE)
    mute, wordy = (record.getMessage() for record in caplog.records)
    assert mute.startswith("Mute (urn:roost:")
    assert wordy.startswith("x" * 200 + " crashed: ValueError: no at ")


def test_jobs_and_timers_say_where(dispatcher: Any, caplog: pytest.LogCaptureFixture) -> None:
    dispatcher.submit(failing)
    dispatcher.timers.call_later(0.0, failing)
    eventually(lambda: len(caplog.records) == 2)
    for record in caplog.records:
        assert " failed: ValueError: no at " in record.getMessage()
        assert record.getMessage().endswith(HERE)
        assert record.exc_info is not None
