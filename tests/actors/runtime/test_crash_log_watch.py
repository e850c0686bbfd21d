"""Who watches crashes is told of each one, held back in the log or not."""

from __future__ import annotations

import logging

from actors import crash_log
from actors.crash_log import CrashLog


def test_a_watcher_is_told_of_crashes_that_the_log_holds_back(caplog):
    log = CrashLog(logging.getLogger("roost.test"), burst=1)
    told = []
    unwatch = crash_log.watch(lambda *what: told.append(what))
    errors = [ValueError("one"), ValueError("two")]
    for error in errors:
        log.log(error, "%s crashed", "it")
    unwatch()
    log.log(ValueError("three"), "%s crashed", "it")
    assert told == [(error, "%s crashed", ("it",)) for error in errors]
    assert caplog.text.count("it crashed") == 1
