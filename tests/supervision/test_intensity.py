"""The restart budget, against the sentence that defines it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervision.intensity import Intensity

ATTEMPTS = st.lists(st.floats(0, 30), max_size=30).map(sorted)


@pytest.mark.parametrize(("attempts", "allowed"), [(2, True), (3, True), (4, False)])
def test_limit_of_3_allows_three_attempts(attempts, allowed):
    intensity = Intensity(3, 5.0)
    assert [intensity.allows(1.0) for _ in range(attempts)][-1] is allowed


def test_limit_of_0_allows_none():
    assert not Intensity(0, 5.0).allows(1.0)


@pytest.mark.parametrize(("apart", "allowed"), [(4.9, False), (5.0, False), (5.1, True)])
def test_attempt_counts_until_the_period_is_over(apart, allowed):
    intensity = Intensity(1, 5.0)
    assert intensity.allows(100.0)
    assert intensity.allows(100.0 + apart) is allowed


@given(ATTEMPTS, st.integers(0, 5), st.floats(0.5, 10))
def test_more_attempts_than_the_limit_within_any_period_are_one_too_many(times, limit, period):
    intensity = Intensity(limit, period)
    for number, now in enumerate(times, 1):
        within = sum(earlier >= now - period for earlier in times[:number])
        assert intensity.allows(now) == (within <= limit)


@given(ATTEMPTS)
def test_old_attempts_are_forgotten(times):
    intensity = Intensity(100, 2.0)
    for now in times:
        intensity.allows(now)
    assert intensity.allows(1000.0)
    assert list(intensity._times) == [1000.0]
