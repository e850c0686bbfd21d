"""Exit reasons: which are clean, and what an application's own becomes."""

from __future__ import annotations

import pytest

from actors import reasons
from actors.reasons import (
    CLOSED,
    KILLED,
    NOPROC,
    NORMAL,
    SHUTDOWN,
    Closed,
    Crash,
    FailedToStart,
    Failure,
    Reason,
    Shutdown,
    as_reason,
)

ERROR = ValueError("no")


@pytest.mark.parametrize(
    ("reason", "clean"),
    [
        (NORMAL, True),
        (SHUTDOWN, True),
        (Shutdown("restart"), True),
        (FailedToStart(child="x", reason=KILLED), True),
        (CLOSED, True),
        (Closed(1001, "bye"), True),
        (KILLED, False),
        (Crash(ERROR), False),
        (Failure("x"), False),
        (NOPROC, False),
        (Reason(), False),
    ],
    ids=repr,
)
def test_a_transient_child_stays_ended_after_a_clean_end(reason: Reason, clean: bool) -> None:
    assert reason.clean is clean


@pytest.mark.parametrize(
    ("given", "becomes"),
    [
        (NORMAL, NORMAL),
        (Shutdown("x"), Shutdown("x")),
        (ERROR, Crash(ERROR)),
        ("tired", Failure("tired")),
        (None, Failure(None)),
    ],
    ids=repr,
)
def test_what_an_application_gives_becomes_a_reason(given: object, becomes: Reason) -> None:
    assert as_reason(given) == becomes


def test_every_kind_is_covered_here() -> None:
    kinds = {kind for kind in vars(reasons).values() if isinstance(kind, type)}
    named = {reasons.Normal, Shutdown, Closed, reasons.Killed, Crash, Failure, reasons.NoProc}
    assert {k for k in kinds if issubclass(k, Reason)} == {*named, FailedToStart, Reason}
