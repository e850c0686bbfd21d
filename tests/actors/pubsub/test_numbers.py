"""The book on publishers' numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.pubsub.numbers import DOUBT, Numbers


def test_first_number_of_a_publisher_is_no_gap():
    assert Numbers().take("a", 7) == 0
    assert Numbers().reached("a", 7) == 0


def test_gaps_and_doubles_are_told_by_publisher():
    book = Numbers()
    taken = [("a", 1), ("a", 2), ("b", 9), ("a", 5), ("a", 5), ("a", 4), ("b", 10), ("a", 6)]
    assert [book.take(*each) for each in taken] == [0, 0, 0, 2, -1, -1, 0, 0]


def test_last_number_that_is_said_is_the_end_of_a_gap():
    book = Numbers()
    assert book.take("a", 3) == 0
    assert [book.reached("a", number) for number in (3, 5, 5, 4)] == [0, 2, 0, 0]
    assert book.take("a", 5) == -1
    assert book.take("a", 6) == 0


def test_who_has_left_begins_anew():
    book = Numbers()
    book.take("a", 9)
    book.forget("a")
    book.forget("a")
    assert (book.take("a", 1), len(book)) == (0, 1)


@pytest.mark.parametrize("more", [-0.1, 0.0, 0.1])
def test_who_is_below_its_last_number_says_since_when(more):
    book = Numbers()
    book.take("a", 7)
    book.take("a", 100_007)  # which was not a's
    assert not book.doubtful
    assert book.take("a", 8) == -1
    assert book.below("a", 8, 50.0) == 0.0
    assert book.doubtful
    assert book.below("a", 9, 50.0 + DOUBT + more) == pytest.approx(DOUBT + more)
    book.believe("a", 9)
    assert (book.doubtful, book.take("a", 10), book.take("a", 9)) == (False, 0, -1)


@pytest.mark.parametrize("end", [
    lambda book: book.take("a", 9),
    lambda book: book.take("a", 12),
    lambda book: book.reached("a", 9),
    lambda book: book.reached("a", 12),
    lambda book: book.forget("a"),
])  # fmt: skip
def test_what_is_not_below_ends_the_doubt(end):
    book = Numbers()
    assert book.below("a", 1, 0.0) is None
    book.take("a", 9)
    assert book.below("a", 9, 0.0) is None
    assert book.below("a", 8, 0.0) == 0.0
    assert book.take("a", 8) == -1
    assert book.reached("a", 8) == 0
    assert book.doubtful
    end(book)
    assert not book.doubtful


def test_doubts_go_with_who_was_heard_longest_ago():
    book = Numbers(longest=1)
    book.take("a", 9)
    book.below("a", 8, 0.0)
    book.take("b", 1)
    assert not book.doubtful


@given(st.lists(st.integers(1, 9), min_size=1))
def test_what_a_broken_link_sends_again_is_never_believed(cuts):
    """Each time the last few come again, in order and up to the last, at any time."""
    book, now, number = Numbers(), 0.0, 0
    heard = []
    for cut in cuts:
        now += 10 * cut
        for again in range(max(1, number - cut), number + 3):
            if book.take("a", again) >= 0:
                heard.append(again)
            seconds = book.below("a", again, now)
            assert seconds is None or seconds < DOUBT
        number += 2
    assert heard == list(range(1, number + 1))


@pytest.mark.parametrize(("others", "missing"), [(2, 1), (3, 1), (4, 0)])
def test_so_many_publishers_are_kept(others, missing):
    book = Numbers(longest=3)
    book.take("a", 1)
    book.take("b", 1)
    book.take("a", 2)  # heard after b
    for number in range(others - 1):
        book.take(f"other {number}", 1)
    assert book.take("a", 4) == missing
    assert len(book) == 3


@given(st.lists(st.integers(1, 30)))
def test_what_is_taken_grows_and_every_hole_is_told(numbers):
    book, taken, missing = Numbers(), [], 0
    for number in numbers:
        more = book.take("a", number)
        if more >= 0:
            taken.append(number)
            missing += more
    assert taken == sorted(set(taken))
    if taken:
        assert missing == taken[-1] - taken[0] + 1 - len(taken)
