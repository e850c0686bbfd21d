"""Deadlines, on a clock that the test moves."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime.timers import COMPACT_ABOVE, SWEEP, Timers


class World:
    """A clock, and the loop's timer as a list of what it was asked for."""

    def __init__(self) -> None:
        self.time = 100.0
        self.armed: list[float] = []
        self.timers = Timers(lambda: self.time, self.armed.append)
        self.log: list[Any] = []

    def note(self, what: Any, again: float | None = None) -> Any:
        def callback() -> float | None:
            self.log.append(what)
            return again

        return callback

    def advance(self, to: float) -> None:
        """Move to ``to``, and run as often as the loop's timer would on the way."""
        while self.armed and (due := self.armed[-1]) <= to:
            self.time = max(self.time, due)
            self.armed.append(float("inf"))
            self.timers.run()
        self.time = to


def entries(world: World) -> int:
    """Count what is held, the cancelled ones too."""
    return len(world.timers._heap) + len(world.timers._old)


@pytest.fixture
def world() -> World:
    return World()


def test_runs_in_order_of_time_and_then_of_making(world: World) -> None:
    for name, when in [("c", 103), ("a", 101), ("b1", 102), ("b2", 102)]:
        world.timers.call_at(when, world.note(name))
    world.advance(110)
    assert world.log == ["a", "b1", "b2", "c"]
    assert len(world.timers) == 0


@pytest.mark.parametrize(("at", "runs"), [(100.9, False), (101.0, True), (101.1, True)])
def test_runs_at_its_time_and_not_before(world: World, at: float, runs: bool) -> None:
    world.timers.call_later(1.0, world.note("x"))
    world.time = at
    world.timers.run()
    assert world.log == (["x"] if runs else [])


def test_asks_the_loop_for_the_earliest_alone(world: World) -> None:
    world.timers.call_at(105, world.note("a"))
    world.timers.call_at(107, world.note("b"))
    world.timers.call_at(103, world.note("c"))
    assert world.armed == [105, 103]
    world.time = 103
    world.timers.run()
    assert world.armed == [105, 103, 105]


def test_a_deadline_put_off_costs_one_entry(world: World) -> None:
    heard = 100.0

    def idle() -> float | None:
        if heard + 10 <= world.time:
            world.log.append(world.time)
            return None
        return heard + 10

    timer = world.timers.call_at(heard + 10, idle)
    heard = 105.0
    world.advance(112)
    assert len(world.timers) == 1
    assert world.log == []
    world.advance(120)
    assert world.log == [115.0]
    assert timer.callback is None


def test_cancelled_does_not_run_and_twice_is_once(world: World) -> None:
    timer = world.timers.call_later(1, world.note("x"))
    timer.cancel()
    timer.cancel()
    assert len(world.timers) == 0
    world.advance(110)
    assert world.log == []
    assert len(world.timers) == 0
    timer.cancel()
    assert len(world.timers) == 0


def test_cancelled_by_a_callback_of_the_same_time(world: World) -> None:
    def first() -> None:
        second.cancel()

    world.timers.call_at(101, first)
    second = world.timers.call_at(101, world.note("never"))
    world.advance(110)
    assert world.log == []
    assert len(world.timers) == 0


def test_cancelled_by_its_own_callback_does_not_come_again(world: World) -> None:
    def callback() -> float:
        timer.cancel()
        return world.time + 1

    timer = world.timers.call_at(101, callback)
    world.advance(110)
    assert len(world.timers) == 0
    assert world.timers._heap == []


def test_cancelled_by_its_own_callback_is_not_counted_when_the_heap_is_rebuilt(
    world: World,
) -> None:
    others = [world.timers.call_at(200, world.note("never")) for _ in range(COMPACT_ABOVE + 2)]

    def callback() -> None:
        timer.cancel()
        for other in others:
            other.cancel()

    timer = world.timers.call_at(101, callback)
    world.advance(110)
    assert len(world.timers) == 0
    world.timers.call_at(120, world.note("x"))
    assert len(world.timers) == 1


@pytest.mark.parametrize(
    ("cancelled", "rebuilt"),
    [(COMPACT_ABOVE, False), (COMPACT_ABOVE + 1, True), (COMPACT_ABOVE + 2, True)],
)
def test_the_heap_is_rebuilt_when_most_of_it_is_cancelled(
    world: World, cancelled: int, rebuilt: bool
) -> None:
    kept = [world.timers.call_at(150, world.note("kept")) for _ in range(10)]
    for timer in [world.timers.call_at(200, world.note("never")) for _ in range(cancelled)]:
        timer.cancel()
    assert (entries(world) < len(kept) + cancelled) is rebuilt
    assert len(world.timers) == 10
    world.advance(300)
    assert world.log == ["kept"] * 10
    assert len(world.timers) == 0


def test_a_timer_is_taken_over_by_who_is_due_later(world: World) -> None:
    """It comes when it would have come, so that who took it looks, and says when to come again."""
    given = world.timers.call_at(101, world.note("given"))
    taken = world.timers.take_over(
        given, 103, lambda: 103 if world.time < 103 else world.note("x")()
    )
    assert taken is given
    assert entries(world) == 1
    world.advance(102)
    assert world.log == []
    world.advance(110)
    assert world.log == ["x"]
    assert len(world.timers) == 0


def test_a_timer_that_comes_too_late_has_run_or_is_not_there_is_made_anew(world: World) -> None:
    late = world.timers.call_at(106, world.note("late"))
    gone = world.timers.call_at(101, world.note("gone"))
    gone.cancel()
    made = [
        world.timers.take_over(given, 103 + number, world.note(number))
        for number, given in enumerate([None, gone, late])
    ]
    assert not {id(late), id(gone)} & {id(timer) for timer in made}
    world.advance(110)
    assert world.log == [0, 1, 2]
    assert len(world.timers) == 0


def test_a_timer_is_not_taken_over_by_its_own_callback(world: World) -> None:
    """As that ends with it."""

    def callback() -> None:
        world.timers.take_over(given, 105, world.note("x"))

    given = world.timers.call_at(101, callback)
    world.advance(110)
    assert world.log == ["x"]
    assert len(world.timers) == 0


def test_an_error_is_logged_and_ends_its_entry_alone(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def failing() -> None:
        raise ValueError("no")

    timer = world.timers.call_at(101, failing)
    world.timers.call_at(101, world.note("next"))
    world.timers.call_at(105, world.note("later"))
    world.advance(110)
    assert world.log == ["next", "later"]
    assert "a timer's callback failed" in caplog.text
    assert timer.callback is None
    assert len(world.timers) == 0


def test_what_is_no_error_goes_to_the_loop_and_the_others_are_still_due(world: World) -> None:
    def exiting() -> None:
        raise SystemExit

    timer = world.timers.call_at(101, exiting)
    world.timers.call_at(101, world.note("next"))
    world.time = 101
    with pytest.raises(SystemExit):
        world.timers.run()
    timer.cancel()
    assert world.armed[-1] == 101
    world.timers.run()
    assert world.log == ["next"]
    assert len(world.timers) == 0


def test_a_callback_that_is_always_due_lets_the_loop_turn(world: World) -> None:
    world.timers.call_at(101, world.note("again", again=50.0))
    world.time = 101
    world.timers.run()
    world.timers.run()
    assert world.log == ["again", "again"]
    assert world.armed[-1] == 50.0


def test_made_in_a_callback_for_now_it_runs_in_the_next_run(world: World) -> None:
    def first() -> None:
        world.log.append("first")
        world.timers.call_later(0, world.note("second"))

    world.timers.call_at(101, first)
    world.time = 101
    world.timers.run()
    assert world.log == ["first"]
    world.timers.run()
    assert world.log == ["first", "second"]


def test_never_is_never_armed(world: World) -> None:
    timer = world.timers.call_at(float("inf"), world.note("never"))
    assert world.armed == []
    timer.cancel()


def test_wall_clock_has_no_say(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    world.timers.call_later(5, world.note("x"))
    for jump in (-31_536_000, 31_536_000):
        monkeypatch.setattr("time.time", lambda jump=jump: 1.0e9 + jump)
        world.timers.run()
    assert world.log == []
    world.advance(105)
    assert world.log == ["x"]


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.booleans(), st.integers(0, 5)), min_size=1, max_size=200
    )
)
def test_agrees_with_a_sorted_list(entries: list[tuple[int, bool, int]]) -> None:
    world = World()
    timers = []
    expected: list[tuple[float, int]] = []
    for index, (delay, cancelled, repeats) in enumerate(entries):
        timers.append(_repeating(world, index, delay, repeats))
        if cancelled:
            timers[index].cancel()
        else:
            expected += [(100 + delay + repeat, index) for repeat in range(repeats + 1)]
    world.advance(200)
    assert [when for when, _ in world.log] == sorted(when for when, _ in expected)
    assert sorted(world.log) == sorted(expected)
    assert len(world.timers) == 0


def _repeating(world: World, index: int, delay: int, repeats: int) -> Any:
    left = repeats

    def callback() -> float | None:
        nonlocal left
        world.log.append((world.time, index))
        left -= 1
        return world.time + 1 if left >= 0 else None

    return world.timers.call_later(delay, callback)


def test_what_is_left_when_the_slice_is_over_runs_the_next_time(world: World) -> None:
    def slow(name: int) -> Any:
        def callback() -> None:
            world.time += 1
            world.log.append(name)

        return callback

    for name in range(5):
        world.timers.call_at(100, slow(name))
    world.timers.run(until=101.5)
    assert world.log == [0, 1]
    assert world.armed[-1] == 100
    world.timers.run(until=103.5)
    assert world.log == [0, 1, 2, 3]
    world.timers.run()
    assert world.log == [0, 1, 2, 3, 4]


def test_a_loop_that_comes_too_soon_is_asked_again(world: World) -> None:
    world.timers.call_at(101, world.note("x"))
    world.timers.due()
    world.timers.run()
    assert world.log == []
    assert world.armed == [101, 101]


def test_the_heap_is_rebuilt_in_small_steps_in_which_everything_comes_in_order(
    world: World,
) -> None:
    many = 20_000
    order = [(each * 7919) % many for each in range(many)]
    made = [world.timers.call_at(200 + place, world.note(place)) for place in order]
    left = many
    for timer, place in zip(made, order, strict=True):
        before = world.timers._old[:] if place % 500 == 1 else None
        if place % 10:
            timer.cancel()
            left -= 1
        if before:
            assert len(before) - SWEEP <= len(world.timers._old) < len(before)
        assert entries(world) <= 2 * left + COMPACT_ABOVE + SWEEP
    assert len(world.timers) == left
    world.timers.call_at(150, world.note("first"))
    world.advance(200 + many)
    assert world.log == ["first", *range(0, many, 10)]
    assert entries(world) == len(world.timers) == 0


def test_what_is_not_looked_at_yet_runs_at_its_time(world: World) -> None:
    for each in range(5):
        world.timers.call_at(101 + 2 * each, world.note(101 + 2 * each))
    never = [world.timers.call_at(300, world.note("never")) for _ in range(4 * SWEEP)]
    for timer in never[: 2 * SWEEP + 3]:
        timer.cancel()
    assert world.timers._old
    world.timers.call_at(102, world.note(102))
    world.advance(104)
    assert world.log == [101, 102, 103]
    for timer in never:
        timer.cancel()
    world.advance(400)
    assert world.log == [101, 102, 103, 105, 107, 109]
    assert entries(world) == len(world.timers) == 0
