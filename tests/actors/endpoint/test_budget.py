"""The arithmetic of a shutdown."""

from __future__ import annotations

import pytest

from actors.endpoint.serving.budget import Budget, Drain
from actors.errors import ConfigError


def test_sum_of_the_defaults_leaves_something():
    budget = Budget(grace=25.0, server=7.5, drains=[Drain(name="Chat", seconds=12.5)])
    budget.check()
    assert budget.needed == 21.0
    assert budget.lines() == [
        "shutdown: drain 12.5 s + connections 7.5 s + last words 1 s = 21 s, leaving 4 of grace=25",
        "shutdown: drain of Chat: 12.5 s",
    ]


def test_drains_run_at_the_same_time():
    drains = [Drain(name="A", seconds=3.0), Drain(name="B", seconds=5.0)]
    assert Budget(grace=25.0, server=7.5, drains=drains).drain == 5.0
    assert Budget(grace=25.0, server=7.5).drain == 0.0


@pytest.mark.parametrize(("seconds", "fits"), [(2.9, True), (3.0, True), (3.1, False)])
def test_what_does_not_fit_is_refused_with_the_sum(seconds, fits):
    budget = Budget(grace=10.0, server=6.0, drains=[Drain(name="A", seconds=seconds)])
    if fits:
        budget.check()
        return
    with pytest.raises(ConfigError) as refused:
        budget.check()
    assert str(refused.value) == (
        "the shutdown does not fit: drain 3.1 s + connections 6 s + last words 1 s = 10.1 s,"
        " more than grace=10"
        " (shorten drainer={'shutdown': ...} or server_shutdown, or raise grace)"
    )


@pytest.mark.parametrize(
    ("others", "said"), [([None, 4.0], False), ([2.0, 2.0], False), ([2.0, 2.1, None], True)]
)
def test_children_that_ask_for_more_than_is_left_are_told_of(others, said):
    budget = Budget(grace=25.0, server=7.5, drains=[Drain(name="A", seconds=12.5)], others=others)
    line = "shutdown: 3 children ask for 4.1 s; if all take that long, each gets less"
    assert (line in budget.lines()) is said


@pytest.mark.parametrize(("most", "said"), [(None, False), (99, False), (100, False), (101, True)])
def test_more_connections_than_are_told_in_time_are_told_of(most, said):
    drains = [Drain(name="A", seconds=3.0, capacity=100), Drain(name="B", seconds=3.0)]
    lines = Budget(grace=25.0, server=7.5, drains=drains, max_connections=most).lines()
    assert "shutdown: drain of A: 3 s, up to 100 connections in batches" in lines
    assert any(line.startswith("shutdown: max_connections=101") for line in lines) is said
