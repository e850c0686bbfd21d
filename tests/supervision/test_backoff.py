"""The waits between attempts."""

from __future__ import annotations

import pytest

from supervision.backoff import LONGEST, STEADY, Backoff


def test_waits_double_up_to_the_longest():
    it = Backoff()
    assert [it.after(0.0) for _ in range(7)] == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]


@pytest.mark.parametrize(("ran", "wait"), [(-1, 4.0), (0, 1.0), (1, 1.0)])
def test_what_ran_long_enough_begins_anew(ran, wait):
    it = Backoff()
    it.after(0.0)
    it.after(0.0)
    assert it.after(STEADY + ran) == wait


def test_reset_begins_anew():
    it = Backoff()
    it.after(0.0)
    it.reset()
    assert it.after(0.0) == 1.0


def test_chance_shortens_a_wait_by_a_quarter_at_most():
    chances = iter([0.0, 0.5, 1.0])
    it = Backoff(lambda: next(chances))
    assert [it.after(0.0) for _ in range(3)] == [1.0, 1.75, 3.0]
    assert LONGEST == 30.0
