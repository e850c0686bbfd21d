"""The batches of a drain: Phoenix's numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import ConfigError
from supervision.draining import Batch, DrainOptions, batches, capacity, pauses, rounds


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (0, []),
        (9, [Batch(1, 0, 9, False)]),
        (10, [Batch(1, 0, 10, True)]),  # exactly one batch is followed by a pause
        (11, [Batch(1, 0, 10, True), Batch(2, 10, 11, False)]),
        (30, [Batch(1, 0, 10, True), Batch(2, 10, 20, True), Batch(3, 20, 30, True)]),
    ],
)
def test_batches_around_the_size(total, expected):
    assert list(batches(total, 10)) == expected


@pytest.mark.parametrize(
    ("total", "count", "seconds"),
    [(0, 1, 0.0), (9, 1, 0.0), (10, 2, 2.0), (11, 2, 2.0), (300, 31, 60.0)],
)
def test_rounds_and_pauses(total, count, seconds):
    options = DrainOptions(batch_size=10, batch_interval=2.0)
    assert rounds(total, 10) == count
    assert pauses(total, options) == seconds


@given(st.integers(0, 2000), st.integers(1, 300))
def test_everybody_is_in_one_batch_and_the_pauses_are_those_of_the_arithmetic(total, size):
    found = list(batches(total, size))
    told = [one for batch in found for one in range(batch.start, batch.stop)]
    assert told == list(range(total))
    options = DrainOptions(batch_size=size, batch_interval=1.0)
    assert sum(batch.pause for batch in found) == pauses(total, options)


@given(st.integers(1, 50), st.floats(0.1, 5), st.floats(0, 60))
def test_capacity_is_what_is_told_in_time(size, interval, seconds):
    options = DrainOptions(batch_size=size, batch_interval=interval)
    most = capacity(options, seconds)
    last = list(batches(most, size))[-1]
    assert (last.round - 1) * interval <= seconds * (1 + 1e-9)
    assert last.round * interval > seconds * (1 - 1e-9)


def test_without_an_interval_any_number_is_told_in_time():
    assert capacity(DrainOptions(batch_interval=0), 1.0) is None


def test_defaults_are_phoenix_s_but_for_the_time():
    options = DrainOptions()
    assert (options.batch_size, options.batch_interval, options.shutdown) == (10_000, 2.0, None)


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("batch_size", 0, "a whole number above 0"),
        ("batch_size", 1.5, "a whole number above 0"),
        ("batch_interval", -0.1, "a number, 0 or more"),
        ("batch_interval", True, "a number, 0 or more"),
        ("batch_interval", "2", "a number, 0 or more"),
        ("shutdown", 0, "a number above 0, or None"),
        ("shutdown", False, "a number above 0, or None"),
    ],
)
def test_option_is_refused(name, value, wanted):
    with pytest.raises(ConfigError, match=f"{name}={value!r}: must be {wanted}"):
        DrainOptions(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("batch_size", 1), ("batch_interval", 0), ("batch_interval", 0.1), ("shutdown", 0.1)],
)
def test_least_value_is_accepted(name, value):
    assert getattr(DrainOptions(**{name: value}), name) == value
