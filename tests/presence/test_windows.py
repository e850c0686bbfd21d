"""Which diffs viewers get, and when: pure, on a clock of its own."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from actors.presence.entries import JOIN, LEFT, LOST, Entry
from actors.presence.windows import LONGEST, PER_VIEWER, Diff, Windows

DELAY = 2.0


def entry(key: str, ref: str = "", topic: str = "t") -> Entry:
    return Entry(1, topic, key, ref or f"{key}1", b"{}")


def refs(diff: Diff | None) -> tuple[list[str], list[str]] | None:
    if diff is None:
        return None
    return [each.ref for each in diff.joins], [each.ref for each in diff.leaves]


def test_first_diff_leaves_at_once_and_the_next_when_the_window_is_over():
    windows = Windows(DELAY)
    windows.note((JOIN, entry("a")), 10.0, seen=True)
    assert windows.due() <= 10.0
    diff = windows.take(10.0)
    assert refs(diff) == (["a1"], [])
    windows.note((JOIN, entry("b")), 10.0, seen=True)
    assert windows.due() == math.inf, "one is at hand"
    windows.told(diff, 10.0, viewers=1000)
    assert windows.due() == 10.0 + 1000 * PER_VIEWER
    assert windows.take(10.0 + 999 * PER_VIEWER) is None
    assert refs(windows.take(10.0 + 1000 * PER_VIEWER)) == (["b1"], [])


@pytest.mark.parametrize(
    ("viewers", "wait"),
    [(0, 0.0), (1, PER_VIEWER), (58_823, 58_823 * PER_VIEWER), (58_824, LONGEST), (10**6, LONGEST)],
)
def test_windows_grow_with_the_viewers_up_to_a_bound(viewers, wait):
    windows = Windows(DELAY)
    windows.note((JOIN, entry("a")), 0.0, seen=True)
    windows.told(windows.take(0.0), 0.0, viewers)
    windows.note((JOIN, entry("b")), 0.0, seen=True)
    assert windows.due() == pytest.approx(wait)


def test_what_comes_and_goes_within_a_window_is_not_told():
    windows = Windows(DELAY)
    windows.note((JOIN, entry("a")), 0.0, seen=True)
    windows.note((LEFT, entry("a")), 0.0, seen=True)
    assert windows.take(0.0) is None
    assert len(windows) == 0


def test_what_goes_and_is_back_under_its_name_is_not_told():
    windows = Windows(DELAY)
    windows.note((LEFT, entry("a")), 0.0, seen=True)
    windows.note((JOIN, entry("a")), 0.0, seen=True)
    assert windows.take(0.0) is None


def test_an_update_is_told_as_leave_and_join_in_one_diff():
    windows = Windows(DELAY)
    windows.note((LEFT, entry("a", "r1")), 0.0, seen=True)
    windows.note((JOIN, entry("a", "r2")), 0.0, seen=True)
    assert refs(windows.take(0.0)) == (["r2"], ["r1"])


def test_a_lost_leave_waits_for_its_delay():
    windows = Windows(DELAY)
    windows.note((LOST, entry("a")), 1.0, seen=True)
    assert windows.due() == 3.0
    assert windows.take(2.99) is None
    assert refs(windows.take(3.0)) == ([], ["a1"])


def test_a_key_that_comes_back_takes_its_lost_leaves_into_the_diff_of_its_join():
    windows = Windows(DELAY)
    windows.note((LOST, entry("a", "r1")), 0.0, seen=True)
    windows.note((LOST, entry("a", "r2")), 0.1, seen=True)
    windows.note((LOST, entry("b")), 0.2, seen=True)
    windows.note((JOIN, entry("a", "r3")), 1.0, seen=True)
    assert refs(windows.take(1.0)) == (["r3"], ["r1", "r2"])


def test_a_loss_of_what_an_update_made_is_a_loss_of_what_was_there_before():
    windows = Windows(DELAY)
    windows.note((LEFT, entry("a", "r1")), 0.0, seen=True)
    windows.note((JOIN, entry("a", "r2")), 0.0, seen=True)
    windows.note((LOST, entry("a", "r2")), 0.0, seen=True)
    assert windows.take(1.9) is None
    windows.note((JOIN, entry("a", "r3")), 1.9, seen=True)
    assert refs(windows.take(1.9)) == (["r3"], ["r1"])


def test_leaves_wait_longer_where_their_viewers_worker_was_late():
    windows = Windows(DELAY)
    windows.note((LOST, entry("a")), 0.0, seen=True)
    windows.note((LOST, entry("b")), 1.5, seen=True)
    windows.postpone(3.0)
    assert windows.take(2.9) is None
    windows.note((JOIN, entry("a", "a2")), 2.95, seen=True)
    assert refs(windows.take(2.95)) == (["a2"], ["a1"])
    windows.taken_back()
    assert refs(windows.take(3.5)) == (["a2"], ["a1", "b1"])


def test_a_key_waits_from_its_last_loss_on():
    windows = Windows(DELAY)
    windows.note((LOST, entry("a", "r1")), 0.0, seen=True)
    windows.note((LOST, entry("b", "b1")), 0.5, seen=True)
    windows.note((LOST, entry("a", "r2")), 1.0, seen=True)
    assert refs(windows.take(2.5)) == ([], ["b1"])
    windows.taken_back()
    assert refs(windows.take(3.0)) == ([], ["b1", "r1", "r2"])


def test_without_a_delay_a_lost_leave_is_told_at_once():
    windows = Windows(0.0)
    windows.note((LOST, entry("a")), 5.0, seen=True)
    assert refs(windows.take(5.0)) == ([], ["a1"])


def test_what_was_lost_before_anybody_saw_it_is_not_told():
    windows = Windows(DELAY)
    windows.note((JOIN, entry("a")), 0.0, seen=True)
    windows.note((LOST, entry("a")), 0.0, seen=True)
    assert windows.take(10.0) is None


def test_a_topic_is_forgotten_when_it_has_nothing_more_to_tell():
    windows = Windows(DELAY)
    windows.note((JOIN, entry("a")), 0.0, seen=True)
    windows.told(windows.take(0.0), 0.0, viewers=100)
    assert len(windows) == 1, "its next diff keeps the distance"
    assert windows.take(windows.due()) is None
    assert (len(windows), windows.due()) == (0, math.inf)


def test_where_nobody_looks_only_lost_leaves_wait():
    windows = Windows(DELAY)
    windows.note((JOIN, entry("a")), 0.0, seen=False)
    windows.note((LEFT, entry("a")), 0.0, seen=False)
    assert len(windows) == 0
    windows.note((LOST, entry("b", "b1")), 0.0, seen=False)
    windows.note((LOST, entry("c", "c1")), 0.0, seen=False)
    windows.note((JOIN, entry("b", "b2")), 1.0, seen=False)
    assert list(windows.shown("t", {"b": [entry("b", "b2")]})) == ["b", "c"]
    assert refs(windows.take(3.0)) == ([], ["c1"])


def test_what_waits_is_dropped_when_nobody_looks_any_more():
    windows = Windows(DELAY)
    windows.note((JOIN, entry("a")), 0.0, seen=True)
    diff = windows.take(0.0)
    windows.note((JOIN, entry("b")), 0.0, seen=True)
    windows.note((JOIN, entry("c")), 0.0, seen=False)
    windows.told(diff, 0.0, viewers=1)
    assert windows.take(10.0) is None
    assert (len(windows), windows.due()) == (0, math.inf)


def test_without_a_delay_nothing_waits_where_nobody_looks():
    windows = Windows(0.0)
    windows.note((LOST, entry("a")), 0.0, seen=False)
    assert len(windows) == 0


def test_one_topic_can_be_asked_for():
    windows = Windows(DELAY)
    windows.note((JOIN, entry("a", topic="one")), 0.0, seen=True)
    windows.note((JOIN, entry("b", topic="two")), 0.0, seen=True)
    two = windows.take_of("two", 0.0)
    assert refs(two) == (["b1"], [])
    assert windows.take_of("two", 0.0) is None, "it is at hand"
    windows.told(two, 0.0, viewers=1000)
    windows.note((JOIN, entry("c", topic="two")), 0.0, seen=True)
    assert windows.take_of("two", 0.0) is None, "its window is not over"
    assert windows.take_of("three", 0.0) is None
    assert refs(windows.take(0.0)) == (["a1"], [])


KEYS = st.sampled_from(["a", "b", "c"])


def test_lost_leaves_that_wait_can_be_told_to_another_worker():
    windows = Windows(DELAY)
    windows.note((LOST, entry("a", "r1")), 1.0, seen=True)
    windows.note((LOST, entry("a", "r2")), 2.0, seen=True)
    windows.note((LOST, entry("b", topic="other")), 2.5, seen=False)
    windows.note((LEFT, entry("c")), 2.5, seen=True)
    waits = [(each.ref, left) for each, left in windows.held(3.0)]
    assert waits == [("r1", 1.0), ("r2", 1.0), ("b1", 1.5)]
    assert {left for _, left in windows.held(100.0)} == {0.0}


def test_leaves_that_another_worker_holds_wait_here_too():
    windows = Windows(DELAY)
    windows.hold([(entry("a", "r1"), 5.0)])
    windows.hold([(entry("b"), 4.0)])
    windows.hold([(entry("b"), 9.0)])  # a third worker says the same
    windows.hold([(entry("a", "r2"), 3.0)])
    assert windows.due() == 4.0
    assert sorted(windows.shown("t", {})) == ["a", "b"]
    assert refs(windows.take(4.0)) == ([], ["b1"])
    windows.note((JOIN, entry("a", "r3")), 4.5, seen=True)
    windows.taken_back()
    assert refs(windows.take(5.0)) == (["r3"], ["b1", "r1", "r2"])


def test_who_is_held_from_elsewhere_and_comes_back_unseen_is_forgotten():
    windows = Windows(DELAY)
    windows.hold([(entry("a", "r1"), 5.0)])
    windows.note((JOIN, entry("a", "r2")), 1.0, seen=False)
    assert windows.shown("t", {"a": [entry("a", "r2")]}) == {"a": [entry("a", "r2")]}
    assert windows.take(5.0) is None
    assert len(windows) == 0


def test_a_topic_that_is_asked_for_goes_on_waiting_for_its_lost_leaves():
    windows = Windows(DELAY)
    windows.note((LOST, entry("a")), 1.0, seen=True)
    assert windows.take_of("t", 2.0) is None
    assert windows.due() == 3.0


def test_what_was_taken_and_is_undone_before_it_is_told_is_not_told():
    windows = Windows(DELAY)
    windows.note((LEFT, entry("a")), 0.0, seen=True)
    windows.note((JOIN, entry("b")), 0.0, seen=True)
    assert refs(windows.take(0.0)) == (["b1"], ["a1"])
    windows.note((JOIN, entry("a")), 0.0, seen=True)
    windows.note((LEFT, entry("b")), 0.0, seen=True)
    windows.note((JOIN, entry("c")), 0.0, seen=True)
    windows.taken_back()
    assert refs(windows.take(0.0)) == (["c1"], [])


class Histories(RuleBasedStateMachine):
    """``shown`` is the sum of the diffs told at any time, and in the end what is present."""

    delay = DELAY

    def __init__(self) -> None:
        super().__init__()
        self.windows = Windows(self.delay)
        self.now = 0.0
        self.made = 0
        self.present: dict[str, list[Entry]] = {}
        self.told: set[tuple[str, str]] = set()
        self.at_hand: Diff | None = None
        self.seen = True

    def note(self, kind: Any, one: Entry) -> None:
        if kind == JOIN:
            self.present.setdefault(one.key, []).append(one)
        else:
            self.present[one.key].remove(one)
            if not self.present[one.key]:
                del self.present[one.key]
        self.windows.note((kind, one), self.now, seen=self.seen)

    @rule(key=KEYS)
    def join(self, key: str) -> None:
        self.made += 1
        self.note(JOIN, entry(key, f"{key}{self.made}"))

    @rule(key=KEYS, kind=st.sampled_from([LEFT, LOST]), back=st.booleans())
    def leave(self, key: str, kind: Any, back: bool) -> None:
        if key in self.present:
            one = self.present[key][0]
            self.note(kind, one)
            if back:
                self.note(JOIN, one)

    @rule(key=KEYS)
    def update(self, key: str) -> None:
        if key in self.present:
            self.note(LEFT, self.present[key][0])
            self.join(key)

    @rule(seconds=st.sampled_from([0.1, 1.0, 3.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def take(self) -> None:
        if self.at_hand is None:
            self.at_hand = self.windows.take(self.now)

    @rule()
    def tell(self) -> None:
        diff, self.at_hand = self.at_hand, None
        if diff is not None and not self.seen:
            self.windows.told(diff, self.now, viewers=0)
        elif diff is not None and self.windows.counts(diff):
            leaves = {(each.key, each.ref) for each in diff.leaves}
            joins = {(each.key, each.ref) for each in diff.joins}
            assert leaves <= self.told
            assert not joins & self.told
            self.told = (self.told - leaves) | joins
            self.windows.told(diff, self.now, viewers=1000)

    @rule()
    def look_away(self) -> None:
        self.seen = False

    @rule()
    def look(self) -> None:
        if not self.seen:
            self.seen = True
            shown = self.windows.shown("t", self.present)
            self.told = {(key, each.ref) for key, of in shown.items() for each in of}

    @rule()
    def crash(self) -> None:
        self.at_hand = None
        self.windows.taken_back()

    @invariant()
    def what_is_shown_was_told(self) -> None:
        shown = self.windows.shown("t", self.present)
        assert all(shown.values())
        if self.seen:
            assert {(key, each.ref) for key, of in shown.items() for each in of} == self.told

    def teardown(self) -> None:
        self.look()
        self.tell()
        for _ in range(3):
            self.now += 10.0
            self.take()
            while self.at_hand is not None:
                self.tell()
                self.take()
        assert {(key, each.ref) for key, of in self.present.items() for each in of} == self.told
        assert len(self.windows) == 0


class HistoriesWithoutDelay(Histories):
    delay = 0.0


TestEveryHistory = Histories.TestCase
TestEveryHistoryWithoutDelay = HistoriesWithoutDelay.TestCase
