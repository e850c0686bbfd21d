"""How many messages are read in a second."""

from __future__ import annotations

import pytest

from transports.websocket.read_rate import MAX_PAUSE, ReadRate


@pytest.mark.parametrize(("count", "pause"), [(9, 0.0), (10, 0.0), (11, 0.2)])
def test_a_second_is_worth_the_rate(count: int, pause: float) -> None:
    assert ReadRate(10, 100.0).spend(count, 100.0) == pytest.approx(pause)


def test_what_was_read_too_much_is_made_up_for() -> None:
    rate = ReadRate(10, 0.0)
    assert rate.spend(60, 0.0) == pytest.approx(5.1)
    assert rate.spend(1, 5.1) == 0.0
    assert rate.spend(1, 5.1) == pytest.approx(0.2)


def test_credit_is_of_one_second_at_most() -> None:
    rate = ReadRate(10, 0.0)
    assert rate.spend(10, 1000.0) == 0.0
    assert rate.spend(1, 1000.0) > 0


def test_slow_rate_lets_one_message_pass() -> None:
    rate = ReadRate(0.1, 0.0)
    assert rate.spend(1, 0.0) == 0.0
    assert rate.spend(1, 1.0) == pytest.approx(19.0)


@pytest.mark.parametrize("pause", [0.1, 1.0, 5.0])
def test_who_is_too_fast_again_after_each_pause_has_had_no_break(pause: float) -> None:
    rate, now = ReadRate(10, 0.0), 7.0
    assert rate.until == float("inf")
    while now < 60:
        assert rate.spend(10 + round(10 * pause), now) > 0
        assert rate.until == 7.0 + MAX_PAUSE
        now += pause + 0.01 if pause < 1 else 0.99


@pytest.mark.parametrize(("count", "later"), [(1, 0.3), (30, 5.0)])
def test_read_within_the_rate_is_a_break_and_a_second_without_one(count: int, later: float) -> None:
    rate = ReadRate(10, 0.0)
    rate.spend(11, 0.0)
    rate.spend(count, later)
    assert rate.until == (float("inf") if count == 1 else 5.0 + MAX_PAUSE)
