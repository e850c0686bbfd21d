"""How each reason of an end is told: as left, at once, or as lost, after a delay."""

from __future__ import annotations

import pytest

from actors.presence.ends import BELIEVED_DEAD, CUT_OFF, FAREWELLS, kind_of
from actors.presence.entries import LEFT, LOST
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
    Shutdown,
)

CASES = [
    # the client's own words
    (CLOSED, LOST),  # no Close frame
    (Closed(1000), LEFT),
    (Closed(1000, "bye"), LEFT),
    (Closed(1001), LEFT),
    (Closed(1005), LEFT),  # an empty Close frame
    (Closed(1000, "heartbeat timeout"), LOST),
    (Closed(1001, "heartbeat timeout"), LOST),
    (Closed(1002), LOST),
    (Closed(1006), LOST),
    (Closed(1011), LOST),
    (Closed(3000), LOST),
    (Closed(4000), LOST),
    # an orderly end
    (NORMAL, LEFT),
    (Shutdown("left"), LEFT),
    (Shutdown("disconnected"), LEFT),
    (Shutdown("a word of the application's"), LEFT),
    (Shutdown(""), LEFT),
    (FailedToStart(child="x", reason=NORMAL), LEFT),
    # the server's doing, after which clients come back
    (SHUTDOWN, LOST),
    (Shutdown("draining"), LOST),
    (Shutdown("message_timeout"), LOST),
    (Shutdown("restart"), LOST),
    (Shutdown("duplicate"), LOST),
    (Shutdown("flood"), LOST),
    (Shutdown("inactive"), LOST),
    (Shutdown("overflow"), LOST),
    (Shutdown("slow_consumer"), LOST),
    (Shutdown("timeout"), LOST),
    # no end in good order
    (KILLED, LOST),
    (NOPROC, LOST),
    (Crash(ValueError("x")), LOST),
    (Failure("why"), LOST),
    (Failure(None), LOST),
    (None, LOST),
]


@pytest.mark.parametrize(("reason", "kind"), CASES, ids=lambda value: str(value)[:60])
def test_an_end_is_told_as(reason, kind):
    assert kind_of(reason) == kind


def test_every_word_that_is_known_has_a_case():
    reasons = [reason for reason, _ in CASES]
    assert {each.detail for each in reasons if isinstance(each, Shutdown)} >= CUT_OFF
    assert {each.code for each in reasons if isinstance(each, Closed)} >= FAREWELLS
    assert BELIEVED_DEAD in {each.text for each in reasons if isinstance(each, Closed)}
