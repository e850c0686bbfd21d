"""What is visible: each ref once, in the order of arrival; and what an entry may be."""

from __future__ import annotations

import pytest

from actors.presence import entries
from actors.presence.entries import (
    JOIN,
    LEFT,
    LOST,
    MAX_ENCODED_BYTES,
    MAX_NAME_BYTES,
    MAX_REF_BYTES,
    OBJECT_PROPERTIES,
    Entry,
    Index,
    Results,
    fits,
    sound,
)


def entry(tag: int, key: str = "k", topic: str = "t", ref: str = "", meta: bytes = b"{}") -> Entry:
    return Entry(tag, topic, key, ref or f"r{tag}", meta)


@pytest.fixture
def index() -> Index:
    return Index()


def test_nobody_is_present_at_first(index):
    assert index.metas("t") == {}
    assert index.by_key("t", "k") == ()
    assert index.keys("t") == 0
    assert list(index.topics()) == []


def test_metas_of_a_key_are_in_the_order_of_their_arrival(index):
    several = [entry(3), entry(1), entry(2)]
    assert [index.add(each) for each in several] == [True, True, True]
    assert list(index.by_key("t", "k")) == several
    assert index.remove(several[1])
    assert list(index.by_key("t", "k")) == [several[0], several[2]]
    assert index.keys("t") == 1


def test_topics_and_keys_are_apart(index):
    for each in (entry(1), entry(2, "l"), entry(3, topic="u")):
        index.add(each)
    assert (index.keys("t"), index.keys("u")) == (2, 1)
    assert index.metas("u") == {"k": (entry(3, topic="u"),)}
    assert set(index.topics()) == {"t", "u"}


def test_nothing_is_left_of_what_is_gone(index):
    for each in (entry(1), entry(2, "l")):
        index.add(each)
    index.remove(entry(1))
    assert index.metas("t") == {"l": (entry(2, "l"),)}
    index.remove(entry(2, "l"))
    assert (index._topics, index._hidden, index.names) == ({}, {}, {})


@pytest.mark.parametrize("first", [0, 1])
def test_an_entry_that_moves_is_there_once(index, first):
    moved = [entry(4, ref="r"), entry(9, ref="r")]
    assert index.add(moved[0])
    assert not index.add(moved[1])
    assert list(index.by_key("t", "k")) == [moved[0]]
    assert not index.remove(moved[first])
    assert list(index.by_key("t", "k")) == [moved[1 - first]]
    assert index.remove(moved[1 - first])
    assert (index._topics, index._hidden) == ({}, {})


def test_an_entry_may_be_in_three_sets(index):
    for tag in (1, 2, 3):
        index.add(entry(tag, ref="r"))
    index.add(entry(4))
    assert [index.remove(entry(tag, ref="r")) for tag in (2, 1, 3)] == [False, False, True]
    assert list(index.by_key("t", "k")) == [entry(4)]


def test_equal_refs_of_other_keys_are_other_entries(index):
    assert index.add(entry(1, "k", ref="r"))
    assert index.add(entry(1, "l", ref="r"))


def test_changes_are_those_of_what_is_visible():
    results = Results()
    results.show([(JOIN, entry(1, ref="r")), (JOIN, entry(2, ref="r")), (JOIN, entry(3))])
    results.show([(LEFT, entry(1, ref="r")), (LOST, entry(3))])
    assert results.changes == [(JOIN, entry(1, ref="r")), (JOIN, entry(3)), (LOST, entry(3))]


@pytest.mark.parametrize(
    ("text", "limit", "ok"),
    [
        ("", 0, True),
        ("abc", 3, True),
        ("abcd", 3, False),
        ("é", 2, True),
        ("é", 1, False),
        ("ééé", 5, False),
        ("éééé", 3, False),
        ("\ud800", 9, False),  # no UTF-8
    ],
)
def test_a_text_fits_in_bytes(text, limit, ok):
    assert fits(text, limit) is ok


@pytest.mark.parametrize("past", [-1, 0, 1])
@pytest.mark.parametrize(
    ("field", "limit", "unit"),
    [
        ("topic", MAX_NAME_BYTES, "x"),
        ("key", MAX_NAME_BYTES, "x"),
        ("ref", MAX_REF_BYTES, "x"),
        ("meta", MAX_ENCODED_BYTES, b"x"),
    ],
)
def test_a_field_has_a_limit(field, limit, unit, past):
    assert sound(entry(1)._replace(**{field: (limit + past) * unit})) is (past <= 0)


@pytest.mark.parametrize("past", [-1, 0, 1])
@pytest.mark.parametrize("field", ["topic", "key", "ref"])
def test_a_field_has_its_limit_in_bytes(field, past):
    limit = MAX_REF_BYTES if field == "ref" else MAX_NAME_BYTES
    text = "é" + (limit - 2 + past) * "x"
    assert sound(entry(1)._replace(**{field: text})) is (past <= 0)


def test_a_meta_of_its_limit_fits_with_both_refs():
    ref = MAX_REF_BYTES * "r"
    rest = f'{{"a":"","phx_ref":"{ref}","phx_ref_prev":"{ref}"}}'
    given = len('{"a":""}')
    assert len(rest) + entries.MAX_META_BYTES - given == MAX_ENCODED_BYTES


@pytest.mark.parametrize("key", sorted(OBJECT_PROPERTIES))
def test_properties_of_every_object_are_no_keys(key):
    assert not sound(entry(1, key))
    assert sound(entry(1, key.upper()))
