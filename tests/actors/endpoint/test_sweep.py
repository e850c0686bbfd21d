"""A sweep goes in steps, between which others have their turn."""

from __future__ import annotations

import pytest

from actors.endpoint.serving.sweep import STEP, Sweep, steps
from actors.runtime.timers import Timers


class Loop:
    """A clock, and timers that run once in a turn."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers = Timers(lambda: self.now, lambda when: None)

    def turn(self) -> None:
        self.timers.run()


@pytest.mark.parametrize(
    ("count", "sizes"), [(0, []), (STEP - 1, [STEP - 1]), (STEP, [STEP]), (STEP + 1, [STEP, 1])]
)
def test_steps_are_never_larger_than_the_bound(count, sizes):
    assert [len(part) for part in steps(list(range(count)))] == sizes


def test_one_step_is_made_in_each_turn_of_the_loop():
    loop, seen, done = Loop(), [], []

    def walk():
        for part in steps(list(range(3 * STEP))):
            seen.append(len(part))
            yield

    sweep = Sweep(loop.timers, walk)
    sweep.begin(lambda: done.append(True))
    for turn in range(3):
        assert len(seen) == turn
        assert sweep.busy
        loop.turn()
    sweep.begin(lambda: done.append("of one that was not begun"))
    loop.turn()
    assert (len(seen), done, sweep.busy) == (3, [True], False)
    sweep.begin(lambda: done.append(False))
    for _ in range(4):
        loop.turn()
    assert done == [True, False]


def test_what_fails_ends_the_sweep_and_not_those_to_come():
    loop, done, fails = Loop(), [], [True]

    def walk():
        yield
        if fails:
            raise ValueError("of a test")

    sweep = Sweep(loop.timers, walk)
    sweep.begin(lambda: done.append(1))
    loop.turn()
    loop.turn()
    assert not sweep.busy
    fails.clear()
    sweep.begin(lambda: done.append(2))
    loop.turn()
    loop.turn()
    assert done == [2]


def test_a_sweep_can_be_finished_at_once():
    loop, done, walks = Loop(), [], []

    def walk():
        walks.append(1)
        yield from range(5)

    sweep = Sweep(loop.timers, walk)
    sweep.begin(lambda: done.append(1))
    loop.turn()
    sweep.finish()
    loop.turn()
    assert (len(walks), done, len(loop.timers)) == (2, [], 0)
