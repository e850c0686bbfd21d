from __future__ import annotations

from typing import Any

import pytest

from transports.longpoll.intake import Intake, Share


class Post:
    """A POST that is held."""

    def __init__(self, intake: Intake, size: int, kept: int = 0) -> None:
        self.share: Share | None = None
        self.was_refused = False
        self.held = intake.hold(self, size, kept)

    def admitted(self, share: Share) -> None:
        self.share = share

    def refused(self) -> None:
        self.was_refused = True


def intake(**changed: Any) -> Intake:
    bounds = {"max_bytes": 100, "max_messages": 10, "max_held": 3, "max_kept": 50}
    return Intake(**{**bounds, **changed})


def entered(book: Intake, size: int) -> Share:
    share = book.enter(size)
    assert share is not None
    return share


@pytest.mark.parametrize(("size", "enters"), [(99, True), (100, True), (101, False)])
def test_post_enters_while_no_more_than_max_bytes_are_kept(size: int, enters: bool) -> None:
    book = intake()
    entered(book, size)
    assert (book.enter(1_000_000) is not None) is enters


@pytest.mark.parametrize(("count", "enters"), [(9, True), (10, True), (11, False)])
def test_post_enters_while_no_more_than_max_messages_are_kept(count: int, enters: bool) -> None:
    book = intake()
    entered(book, 1).weigh(1, count)
    assert (book.enter(1) is not None) is enters


def test_first_post_enters_whatever_its_size() -> None:
    assert intake().enter(1_000_000) is not None


@pytest.mark.parametrize(("count", "held"), [(2, True), (3, True), (4, False)])
def test_max_held_posts_are_held(count: int, held: bool) -> None:
    book = intake()
    entered(book, 101)
    assert [Post(book, 1).held for _ in range(count)][-1] is held


@pytest.mark.parametrize(("kept", "held"), [(29, True), (30, True), (31, False)])
def test_bodies_of_held_posts_are_bounded(kept: int, held: bool) -> None:
    book = intake()
    entered(book, 101)
    assert Post(book, 20, 20).held
    assert Post(book, kept, kept).held is held
    assert Post(book, 1_000).held  # whose body is not read


def test_held_posts_come_in_by_their_order_when_there_is_room() -> None:
    book = intake()
    first = entered(book, 101)
    posts = [Post(book, 101), Post(book, 101)]
    assert [post.share for post in posts] == [None, None]
    first.leave()
    assert posts[0].share is not None
    assert posts[1].share is None
    posts[0].share.leave()
    assert posts[1].share is not None
    posts[1].share.leave()
    assert book.empty


def test_as_many_come_in_as_there_is_room_for() -> None:
    book = intake()
    first = entered(book, 101)
    posts = [Post(book, 60) for _ in range(3)]
    first.leave()
    assert [post.share is not None for post in posts] == [True, True, False]


def test_nobody_overtakes_who_is_held() -> None:
    book = intake()
    first = entered(book, 101)
    second = Post(book, 101)
    first.leave()
    held = Post(book, 1)
    assert second.share is not None
    assert book.enter(1) is None
    second.share.leave()
    assert held.share is not None
    assert book.enter(1) is not None


def test_share_may_shrink_and_grow() -> None:
    book = intake()
    share = entered(book, 200)
    assert book.enter(1) is None
    share.weigh(50, 2)
    other = entered(book, 51)
    assert book.enter(1) is None
    other.leave()
    share.weigh(101, 1)
    assert book.enter(1) is None
    share.leave()
    assert book.empty


def test_leaving_twice_counts_once() -> None:
    book = intake()
    one, other = entered(book, 60), entered(book, 60)
    one.leave()
    one.leave()
    one.weigh(1_000, 1_000)
    assert book.enter(41) is not None
    assert book.enter(1) is None
    other.leave()


def test_post_that_is_forgotten_never_comes_in_and_makes_room_for_another() -> None:
    book = intake(max_held=1)
    first = entered(book, 101)
    gone = Post(book, 1)
    book.forget(gone)
    book.forget(gone)
    assert not book.empty
    assert Post(book, 1).held
    first.leave()
    assert gone.share is None


def test_end_refuses_who_is_held() -> None:
    book = intake()
    first = entered(book, 101)
    post = Post(book, 1)
    book.close()
    book.close()
    assert post.was_refused
    first.leave()
    assert post.share is None
    assert book.empty
