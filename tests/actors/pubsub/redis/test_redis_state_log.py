"""Lines about a state: few of them, and the last one always."""

from __future__ import annotations

import logging
from typing import Any

from actors.pubsub.redis.state_log import PERIOD, StateLog
from actors.runtime.timers import Timers


class Clock:
    """Timers whose time a test sets."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers = Timers(lambda: self.now, lambda when: None)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.timers.run()


def test_state_is_told_at_once_or_in_a_second_and_the_last_is_not_missing(caplog):
    caplog.set_level(logging.INFO)
    clock = Clock()
    log = StateLog(logging.getLogger("roost.test"), clock.timers)
    log.say(logging.WARNING, "lost")
    for text in ("linked", "lost", "linked 2"):
        clock.pass_by(PERIOD / 10)
        log.say(logging.INFO, text)
    assert caplog.messages == ["lost"]
    clock.pass_by(PERIOD)
    assert caplog.messages == ["lost", "linked 2 (2 changes before)"]
    clock.pass_by(PERIOD)
    log.say(logging.INFO, "linked 3")
    assert caplog.messages[2:] == ["linked 3"]


def test_what_waits_is_told_at_the_end(caplog):
    clock = Clock()
    log = StateLog(logging.getLogger("roost.test"), clock.timers)
    log.close()
    log.say(logging.WARNING, "lost")
    log.say(logging.WARNING, "lost for good")
    log.close()
    clock.pass_by(PERIOD)
    assert caplog.messages == ["lost", "lost for good"]
    assert len(clock.timers) == 0


def test_levels_are_kept(caplog):
    clock: Any = Clock()
    StateLog(logging.getLogger("roost.test"), clock.timers).say(logging.ERROR, "x")
    assert [each.levelno for each in caplog.records] == [logging.ERROR]
