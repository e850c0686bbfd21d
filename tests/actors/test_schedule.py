"""The schedule of a shutdown: what is inside of a span fits into it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import schedule
from actors.schedule import share
from tests.architecture.spans import Span, at_once, every, orderly, orphaned

GRACES = [0.1, 1.0, 2.0, 5.0, 9.9, 10.0, 11.0, 25.0, 60.0, 600.0]
SERVICE_MANAGER = 30.0
"""Seconds until Kubernetes kills, by default; docs/operations.md says that it is enough."""


def unfit(whole: Span) -> list[str]:
    """Name the spans that have less than what is in them, or less than nothing."""
    return [
        f"{span.name} has {span.seconds:g} of {whole.seconds:g} s"
        for _, span in every(whole)
        if span.seconds < 0 or sum(each.seconds for each in span.inner) > span.seconds + 1e-9
    ]


def problems() -> list[str]:
    """Return all that is wrong with the numbers as they are now."""
    default = orderly(schedule.GRACE)
    spans = {span.name: span.seconds for _, span in every(default)}
    said = [
        ("last polls are cut", spans["last polls"] < schedule.LAST_POLL),
        ("quiet HTTP is cut", spans["HTTP without a byte"] < schedule.QUIET),
        ("lingering is cut", spans["streams that clients do not close"] < 2 * schedule.LINGER),
        (
            "other children have less than is kept for them",
            spans["watchers, pools, children, pubsub"] < schedule.OTHERS_PART * spans["tree"],
        ),
        (
            "the log outlasts",
            default.seconds + schedule.OPS_ENDS + schedule.LOG_FLUSH > SERVICE_MANAGER,
        ),
        ("one write outlasts the log", schedule.LOG_STUCK > schedule.LOG_FLUSH),
        ("children outlast their supervisor", schedule.PUNCTUAL > 1),
        ("a bus alone outlasts", schedule.BUS_FLUSH > schedule.STOP_TO_KILL),
        ("an orphan is there after 2 s", schedule.ORPHAN_ENDS + schedule.OVERDUE_FLUSH > 2.0),
    ]
    ends = [*map(orderly, GRACES), at_once(), orphaned()]
    return [what for what, wrong in said if wrong] + [each for end in ends for each in unfit(end)]


def test_each_end_fits_into_the_one_that_waits_for_it():
    assert problems() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GRACE", 26.1),
        ("STOP_TO_KILL", 0.2),
        ("MASTER_AT_ONCE", 0.9),
        ("ORPHAN_ENDS", 1.7),
        ("ORPHAN_ENDS", 2.0),
        ("OVERDUE_FLUSH", 0.3),
        ("OPS_ENDS", 1.1),
        ("LOG_FLUSH", 4.1),
        ("LOG_STUCK", 3.1),
        ("WORKER_AT_ONCE", 0.8),
        ("ORPHAN_DRAINS", 1.7),
        ("BUS_PART", 1.1),
        ("BUS_FLUSH", 1.1),
        ("EXIT_AT_LEAST", 0.4),
        ("SERVER_AT_ONCE", 0.8),
        ("LAST_WORDS", 2.0),
        ("LAST_WORDS_PART", 0.2),
        ("DRAIN_PART", 0.6),
        ("SERVER_PART", 0.4),
        ("OTHERS_PART", 0.2),
        ("PUNCTUAL", 1.1),
        ("PACED", 1.0),
        ("PATIENT", 1.1),
        ("LAST_POLL", 5.0),
        ("QUIET", 4.0),
        ("LINGER", 2.0),
    ],
)
def test_a_number_that_no_longer_fits_is_found(monkeypatch, name, value):
    monkeypatch.setattr(schedule, name, value)
    assert problems() != []


@pytest.mark.parametrize(
    ("grace", "kept"), [(25.0, 1.0), (10.0, 1.0), (9.0, 0.9), (1.0, 0.1), (0.0, 0.0)]
)
def test_last_moment_is_a_second_or_a_tenth(grace, kept):
    assert schedule.reserve(grace) == pytest.approx(kept)
    assert schedule.before_last_words(grace) == pytest.approx(grace - kept)


@pytest.mark.parametrize(
    ("own", "later", "left", "seconds"),
    [
        (5.0, [], 10.0, 5.0),
        (5.0, [5.0], 10.0, 5.0),
        (5.0, [6.0], 10.0, 5.0),
        (6.0, [5.0], 10.0, 5.0),
        (6.0, [4.0], 10.0, 6.0),
        (6.0, [3.0, 4.0], 10.0, 3.5),
        (6.0, [3.0, 1.0], 9.0, 5.0),
        (0.5, [7.5], 4.0, 0.5),  # who asks for little has it
        (0.0, [5.0], 1.0, 0.0),
        (0.0, [], 0.0, 0.0),
        (5.0, [], 0.0, 0.0),
        (5.0, [5.0], -1.0, 0.0),
        (None, [], 10.0, 10.0),
        (None, [4.0], 10.0, 6.0),
        (None, [9.0], 9.0, 4.5),
        (None, [9.0], 0.0, 0.0),
        (None, [4.0], float("inf"), float("inf")),
        (5.0, [4.0], float("inf"), 5.0),
    ],
)
def test_share(own, later, left, seconds):
    assert share(own, later, left) == pytest.approx(seconds)


@given(st.lists(st.floats(0, 60), max_size=8), st.floats(0, 60))
def test_shares_never_add_up_to_more_than_there_is(every, budget):
    left = budget
    for place, own in enumerate(every):
        seconds = share(own, every[place + 1 :], left)
        assert 0 <= seconds <= min(left, own) + 1e-9
        left -= seconds


@given(st.lists(st.floats(0, 60), min_size=1, max_size=8), st.floats(0, 60))
def test_nobody_gets_less_than_an_equal_part_unless_it_asks_for_less(every, left):
    own, *later = every
    assert share(own, later, left) >= min(own, left / len(every)) - 1e-9
