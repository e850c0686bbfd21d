"""Rates: a burst, a refill, and what is a flood."""

from __future__ import annotations

from actors.channels.rates import FLOOD_SECONDS, Rate


def spent(rate, count, now):
    return sum(rate.spend(now) for _ in range(count))


def test_burst_at_once_and_not_one_more():
    assert spent(Rate(20, 100, 0.0), 99, 0.0) == 99
    assert spent(Rate(20, 100, 0.0), 100, 0.0) == 100
    assert spent(Rate(20, 100, 0.0), 101, 0.0) == 100


def test_refills_with_time_up_to_the_burst():
    rate = Rate(20, 100, 0.0)
    assert spent(rate, 150, 0.0) == 100
    assert spent(rate, 50, 1.0) == 20
    assert spent(rate, 500, 1000.0) == 100


def test_what_is_within_the_rate_is_no_flood():
    rate = Rate(20, 100, 0.0)
    assert spent(rate, 100, 0.0) == 100
    for step in range(1, 201):
        assert rate.spend(step / 20)
        assert not rate.flooded


def test_twice_the_rate_for_so_long_is_a_flood():
    rate = Rate(20, 100, 0.0)
    for count in range(1, 201):
        rate.spend(count / 41)
        assert not rate.flooded
    rate.spend(201 / 41)
    assert rate.flooded


def test_twice_the_rate_is_borne():
    rate = Rate(20, 1, 0.0)
    for step in range(1, 1000):
        rate.spend(step / 40)
        assert not rate.flooded


def test_storm_ends_with_its_time():
    rate = Rate(20, 1, 0.0)
    spent(rate, 200, 0.0)
    rate.spend(FLOOD_SECONDS)
    assert not rate.flooded
