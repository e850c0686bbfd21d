"""Pauses, deadlines and bounded queues of a client, and its options."""

from __future__ import annotations

import dataclasses
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.client.backoff import FullJitter
from actors.client.deadlines import Deadlines
from actors.client.inbox import Inbox
from actors.client.options import MAX_SECONDS, ClientKeywords, ClientOptions
from actors.errors import ConfigError
from actors.options import build


def test_pauses_double_up_to_the_longest_and_begin_anew():
    chance = iter([0.999, 0.5, 0.0, 0.5, 0.5, 0.5])
    pauses = FullJitter(0.5, 5.0, lambda: next(chance))
    assert [pauses.next() for _ in range(5)] == [0.4995, 0.5, 0.0, 2.0, 2.5]
    pauses.reset()
    assert pauses.next() == 0.25


def test_a_pause_never_grows_beyond_the_longest_however_long_it_goes_on():
    pauses = FullJitter(0.5, 5.0, lambda: 1.0)
    assert max(pauses.next() for _ in range(5000)) == 5.0


def test_deadlines_are_due_in_order_and_once():
    done: list[str] = []
    deadlines = Deadlines()
    deadlines.at(2.0, lambda: done.append("b"))
    deadlines.at(1.0, lambda: done.append("a"))
    deadlines.at(2.0, lambda: done.append("c"))
    deadlines.at(2.1, lambda: done.append("d"))
    assert deadlines.next() == 1.0
    for action in deadlines.due(2.0):
        action()
    assert done == ["a", "b", "c"]
    assert deadlines.next() == 2.1


def test_what_is_called_off_while_others_are_done_is_not_done():
    deadlines = Deadlines()
    done: list[str] = []
    deadlines.at(1.0, lambda: deadlines.cancel(second))
    second = deadlines.at(1.0, lambda: done.append("never"))
    for action in deadlines.due(1.0):
        action()
    assert done == []
    assert deadlines.next() is None


def test_calling_off_what_is_over_is_ignored():
    deadlines = Deadlines()
    entry = deadlines.at(1.0, lambda: None)
    deadlines.cancel(None)
    assert len(list(deadlines.due(1.0))) == 1
    deadlines.cancel(entry)
    deadlines.cancel(entry)
    assert deadlines.next() is None


def test_what_was_called_off_takes_no_room():
    deadlines = Deadlines()
    kept = [deadlines.at(1e9 + n, lambda: None) for n in range(10)]
    for number in range(10_000):
        deadlines.cancel(deadlines.at(float(number), lambda: None))
        assert len(deadlines) < 200
    assert deadlines.next() == kept[0].when


@pytest.mark.parametrize(("count", "dropped"), [(2, 0), (3, 0), (4, 1)])
def test_a_queue_keeps_so_many_items(count, dropped):
    inbox: Inbox[int] = Inbox(3, 100)
    for number in range(count):
        inbox.put(number, 1)
    assert inbox.dropped == dropped
    assert [inbox.take() for _ in range(len(inbox))] == list(range(dropped, count))


@pytest.mark.parametrize(("size", "dropped"), [(9, 0), (10, 0), (11, 1)])
def test_a_queue_keeps_so_many_bytes(size, dropped):
    inbox: Inbox[str] = Inbox(100, 20)
    inbox.put("a", 10)
    assert inbox.put("b", size) == dropped
    assert inbox.take() == ("b" if dropped else "a")


def test_what_is_too_large_by_itself_is_dropped_with_all_before_it():
    inbox: Inbox[str] = Inbox(100, 20)
    inbox.put("a", 10)
    assert inbox.put("b", 21) == 2
    assert len(inbox) == 0
    inbox.put("c", 20)
    assert inbox.take() == "c"
    with pytest.raises(IndexError):
        inbox.take()


def test_an_emptied_queue_has_all_its_room_again():
    inbox: Inbox[str] = Inbox(2, 20)
    inbox.put("a", 20)
    inbox.clear()
    assert inbox.put("b", 20) == 0


@given(st.lists(st.integers(0, 30), max_size=60))
def test_a_queue_is_never_over_its_bounds(sizes):
    inbox: Inbox[int] = Inbox(5, 50)
    for size in sizes:
        inbox.put(size, size)
        assert len(inbox) <= 5
        assert sum(each for each, _ in inbox._items) == inbox._bytes <= 50


def test_the_keywords_are_the_options():
    fields = {each.name for each in dataclasses.fields(ClientOptions)}
    hints = typing.get_type_hints(ClientOptions)
    assert typing.get_type_hints(ClientKeywords) == {name: hints[name] for name in fields}


@pytest.mark.parametrize(
    "given_one",
    [
        {"timeout": 0},
        {"timeout": MAX_SECONDS + 1},
        {"timeout": "1"},
        {"timeout": None},
        {"heartbeat": 0.0},
        {"max_queue": 0},
        {"max_buffered_bytes": 1.5},
        {"vsn": "1.0.0"},
        {"vsn": "2.1.0"},
        {"vsn": None},
        {"compress": 1},
        {"timeuot": 1},
    ],
)
def test_an_option_that_is_no_good_is_named(given_one):
    with pytest.raises(ConfigError, match=f"client: .*{next(iter(given_one))}"):
        build(ClientOptions, given_one, "client")


@pytest.mark.parametrize(
    "given_one", [{"timeout": MAX_SECONDS}, {"heartbeat": None}, {"vsn": "2.0.7"}, {"timeout": 1}]
)
def test_an_option_at_its_limit_is_good(given_one):
    assert (
        dataclasses.asdict(build(ClientOptions, given_one, "client")).items() >= given_one.items()
    )
