"""A view at a clock is its owner's set at that clock, whatever comes, and in which order."""

from __future__ import annotations

import pytest

from actors.presence import replica as replicas
from actors.presence.entries import JOIN, LEFT, LOST
from actors.presence.messages import Delta, Page
from actors.presence.view import View
from tests.presence.test_entries import entry


def delta(since: int, to: int, adds=(), left=(), lost=()) -> Delta:
    return Delta(since, to, [entry(tag) for tag in adds], list(left), list(lost))


def page(clock: int, after: int, adds=(), *, more: bool = False) -> Page:
    return Page(clock, after, [entry(tag) for tag in adds], more)


@pytest.fixture
def view() -> View:
    """At clock 4, with the tags 1, 2 and 4."""
    view = View()
    view.take_delta(delta(0, 4, [1, 2, 4]))
    return view


def tags(view: View) -> list[int]:
    return sorted(view.part.entries)


@pytest.mark.parametrize(
    ("message", "changes", "clock", "left"),
    [
        (delta(4, 5, [5]), [(JOIN, 5)], 5, [1, 2, 4, 5]),  # the next
        (delta(4, 6, [5], [1], []), [(LEFT, 1), (JOIN, 5)], 6, [2, 4, 5]),
        (delta(4, 6, [], [1], [2]), [(LEFT, 1), (LOST, 2)], 6, [4]),
        (delta(2, 6, [4, 5], [2], []), [(LEFT, 2), (JOIN, 5)], 6, [1, 4, 5]),  # it overlaps
        (delta(0, 6, [1, 5], [2, 4], []), [(LEFT, 2), (LEFT, 4), (JOIN, 5)], 6, [1, 5]),
        (delta(4, 6, [], [5], []), [], 6, [1, 2, 4]),  # it came and went
        (delta(3, 6, [6], [3, 4], []), [(LEFT, 4), (JOIN, 6)], 6, [1, 2, 6]),
        (delta(3, 4, [4], [], []), [], 4, [1, 2, 4]),  # it comes twice
        (delta(0, 3, [1, 2], [], []), [], 4, [1, 2, 4]),  # old news
        (delta(5, 7, [6, 7], [1], []), [], 4, [1, 2, 4]),  # a gap
    ],
)
def test_a_delta(view, message, changes, clock, left):
    assert [(kind, each.tag) for kind, each in view.take_delta(message)] == changes
    assert (view.clock, tags(view)) == (clock, left)
    assert view.behind is (message.to > clock)


def test_a_gap_says_what_to_ask_for(view):
    view.take_delta(delta(5, 7))
    assert (view.behind, view.place) == (True, (4, 0))
    view.take_delta(delta(4, 7))
    assert (view.behind, view.place) == (False, (7, 0))


def test_a_delta_that_no_limit_lets_in_changes_nothing(monkeypatch, view):
    monkeypatch.setattr(replicas, "MAX_METAS", 4)
    before = dict(view.part.entries)
    assert view.take_delta(delta(4, 9, [5, 6, 7], [1])) is None
    assert (view.part.entries, view.part.keys, view.clock) == (before, {"t": {"k": 3}}, 4)
    assert view.take_delta(delta(4, 9, [5, 6], [1])) is not None
    assert view.part.keys == {"t": {"k": 4}}


# -- pages


def test_pages_make_a_set_when_the_last_has_come(view):
    assert view.take_page(page(9, 0, [2, 5], more=True)) == []
    assert (view.clock, view.place, view.behind) == (4, (9, 5), True)
    changes = view.take_page(page(9, 5, [7, 9]))
    assert [(kind, each.tag) for kind, each in changes] == [
        (LOST, 1), (LOST, 4), (JOIN, 5), (JOIN, 7), (JOIN, 9),
    ]  # fmt: skip
    assert (view.clock, tags(view), view.place, view.behind) == (9, [2, 5, 7, 9], (9, 0), False)


def test_an_entry_that_stays_is_the_one_that_was_there(view):
    one = view.part.entries[1]
    view.take_page(page(9, 0, [1]))
    assert view.part.entries[1] is one


def test_a_page_that_tells_another_entry_of_the_same_tag_replaces_it(view):
    other = entry(1, "other")
    assert view.take_page(Page(9, 0, [other], more=False))[-1] == (JOIN, other)
    assert view.part.keys == {"t": {"other": 1}}


@pytest.mark.parametrize(
    "stray",
    [
        page(4, 0, [1], more=True),  # of a clock where the view is already
        page(8, 0, [1], more=True),  # of an earlier transfer
        page(8, 5, [7]),
        page(9, 0, [2, 5], more=True),  # twice
        page(9, 3, [5], more=True),
        page(9, 6, [7]),
        page(10, 5, [7]),  # of one that has not begun
    ],
)
def test_a_page_that_is_not_the_next_changes_nothing(view, stray):
    view.take_page(page(9, 0, [2, 5], more=True))
    assert view.take_page(stray) == []
    assert (view.clock, view.place, tags(view)) == (4, (9, 5), [1, 2, 4])
    assert view.transfer.part.entries.keys() == {2, 5}


def test_a_page_of_no_transfer_changes_nothing(view):
    assert view.take_page(page(9, 5, [7])) == []
    assert (view.transfer, view.behind) == (None, True)


def test_a_transfer_of_a_later_clock_begins_anew(view):
    view.take_page(page(9, 0, [2, 5], more=True))
    view.take_page(page(12, 0, [5], more=True))
    assert (view.place, list(view.transfer.part.entries)) == ((12, 5), [5])


@pytest.mark.parametrize(("to", "over"), [(8, False), (9, True), (10, True)])
def test_a_delta_may_be_quicker_than_a_transfer(view, to, over):
    view.take_page(page(9, 0, [2], more=True))
    view.take_delta(delta(4, to))
    assert (view.transfer is None) is over


def test_a_page_that_no_limit_lets_in_ends_the_transfer(monkeypatch, view):
    monkeypatch.setattr(replicas, "MAX_METAS", 3)
    view.take_page(page(9, 0, [2, 5], more=True))
    assert view.take_page(page(9, 5, [6, 7])) is None
    assert (view.transfer, view.place, tags(view)) == (None, (4, 0), [1, 2, 4])
