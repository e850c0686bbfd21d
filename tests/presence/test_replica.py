"""A worker's own set: its clock, its log, its deltas and its pages."""

from __future__ import annotations

import msgpack
import pytest

from actors.presence import replica as replicas
from actors.presence.entries import LEFT, LOST
from actors.presence.replica import Part, Replica, base36, bytes_of
from tests.presence.test_entries import entry

LIMIT = 10**6


def make(ref: str) -> bytes:
    return b'{"phx_ref":"%s"}' % ref.encode()


@pytest.fixture
def own() -> Replica:
    return Replica("m-1.0", 5)


def fill(own: Replica, count: int, first: int = 1) -> None:
    for owner in range(first, first + count):
        own.put(owner, "t", f"k{owner}", make)


def tags(message: list) -> list[int]:
    return [each[0] for each in message[4]]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (9, "9"), (10, "a"), (35, "z"), (36, "10"), (36**3 - 1, "zzz"), (36**3, "1000")],
)
def test_base36(number, text):
    assert base36(number) == text
    assert int(text, 36) == number


def test_each_operation_moves_the_clock_and_tags_are_clocks(own):
    before, one = own.put(1, "t", "k", make)
    assert (before, one.tag, own.clock) == (None, 1, 1)
    assert one.meta == make(one.ref)
    assert own.remove(1, "t", "k", LEFT) == one
    assert own.clock == 2
    assert own.put(1, "t", "k", make)[1].tag == 3


def test_an_update_is_one_operation(own):
    _, one = own.put(1, "t", "k", make)
    before, two = own.put(1, "t", "k", make)
    assert (before, two.tag, own.clock) == (one, 2, 2)
    assert own.part.entries == {2: two}
    assert own.entry(1, "t", "k") == two


def test_refs_are_unique_by_name_and_tag():
    refs = {Replica(name, 9).put(1, "t", "k", make)[1].ref for name in ("m-1.0", "m-1.1", "m-2.0")}
    own = Replica("m-1.0", 9)
    refs |= {own.put(owner, "t", "k", make)[1].ref for owner in range(40)}
    assert len(refs) == 42
    assert {len(ref) for ref in refs} == {replicas.HASH_DIGITS + 1, replicas.HASH_DIGITS + 2}


def test_what_is_not_there_is_not_removed(own):
    fill(own, 1)
    assert own.remove(1, "t", "other", LEFT) is None
    assert own.remove(2, "t", "k1", LEFT) is None
    assert own.entry(2, "t", "k1") is None
    assert (own.clock, own.owned(2)) == (1, [])


def test_an_owner_has_several_and_nothing_is_left_of_it(own):
    own.put(1, "t", "k", make)
    own.put(1, "u", "k", make)
    assert own.owned(1) == [("t", "k"), ("u", "k")]
    for topic, key in own.owned(1):
        own.remove(1, topic, key, LOST)
    assert (own._owners, own.part.entries, own.part.keys) == ({}, {}, {})


def test_a_meta_that_cannot_be_made_changes_nothing(own):
    def fail(ref: str) -> bytes:
        raise TypeError("no JSON")

    fill(own, 1)
    for owner in (1, 2):
        with pytest.raises(TypeError):
            own.put(owner, "t", "k1", fail)
    assert (own.clock, own.owned(2), len(own.part.entries)) == (1, [], 1)


@pytest.mark.parametrize(
    ("topic", "key", "meta"),
    [
        (256 * "t", "k", b"{}"),
        ("t", 256 * "k", b"{}"),
        ("t", "__proto__", b"{}"),
        ("t", "k", 2000 * b" "),
    ],
)
def test_what_others_would_not_take_is_refused(own, topic, key, meta):
    with pytest.raises(ValueError, match="too long, or no key"):
        own.put(1, topic, key, lambda ref: meta)
    assert (own.clock, own._owners) == (0, {})


# -- limits


def test_a_key_has_64_metas(own):
    for owner in range(replicas.MAX_METAS):
        own.put(owner, "t", "k", make)
    with pytest.raises(ValueError, match="no room"):
        own.put(99, "t", "k", make)
    assert own.clock == 64
    own.put(0, "t", "k", make)  # in the place of its own
    own.put(99, "t", "l", make)
    own.remove(1, "t", "k", LEFT)
    own.put(1, "t", "k", make)


@pytest.mark.parametrize(
    ("limit", "others"),
    [("MAX_KEYS", ["k", "l", "m"]), ("MAX_ENTRIES", ["k", "k", "k"])],
)
def test_a_set_has_limits(monkeypatch, own, limit, others):
    monkeypatch.setattr(replicas, limit, 2)
    own.put(0, "t", others[0], make)
    own.put(1, "t", others[1], make)
    with pytest.raises(ValueError, match="no room"):
        own.put(2, "t", others[2], make)
    own.put(1, "t", others[1], make)
    if limit == "MAX_KEYS":
        own.put(2, "t", "k", make)
        own.put(2, "u", "m", make)  # each topic has its own


@pytest.mark.parametrize("past", [-1, 0, 1])
@pytest.mark.parametrize(
    ("limit", "several"),
    [
        ("MAX_METAS", entry),
        ("MAX_KEYS", lambda tag: entry(tag, f"k{tag}")),
        ("MAX_ENTRIES", lambda tag: entry(tag, topic=f"t{tag}")),
    ],
)
def test_a_part_takes_so_many(monkeypatch, limit, several, past):
    monkeypatch.setattr(replicas, limit, 5)
    part = Part()
    taken = [part.put(several(tag)) for tag in range(1, 6 + past)]
    assert taken.count(True) == len(part.entries) == 5 + min(past, 0)


def test_the_limits_of_a_set():
    assert (replicas.MAX_METAS, replicas.MAX_KEYS, replicas.MAX_ENTRIES) == (64, 100_000, 1_000_000)


def test_a_part_without_room_is_as_it_was(monkeypatch):
    monkeypatch.setattr(replicas, "MAX_ENTRIES", 1)
    part = Part()
    assert part.put(entry(1))
    assert not part.put(entry(2, topic="u"))
    assert (part.entries, part.keys) == ({1: entry(1)}, {"t": {"k": 1}})


# -- deltas


def test_a_delta_has_what_stands_at_its_end(own):
    own.put(1, "t", "a", make)
    own.put(2, "t", "b", make)
    own.remove(1, "t", "a", LEFT)
    own.remove(2, "t", "b", LOST)
    _, last = own.put(3, "t", "c", make)
    assert own.delta(0, LIMIT)[1] == ["delta", "m-1.0", 0, 5, [[*last]], [1], [2]]
    assert own.delta(2, LIMIT)[1] == ["delta", "m-1.0", 2, 5, [[*last]], [1], [2]]
    assert own.delta(5, LIMIT)[1] == ["delta", "m-1.0", 5, 5, [], [], []]


def test_removals_of_what_the_same_delta_adds_are_in_it(own):
    """Who stands in between has it."""
    own.put(1, "t", "a", make)
    own.put(1, "t", "a", make)
    assert (tags(own.delta(0, LIMIT)[1]), own.delta(0, LIMIT)[1][5]) == ([2], [1])


@pytest.mark.parametrize("updates", [1, 2])
def test_what_an_update_removed_is_lost_where_what_it_made_is_lost_in_the_same_delta(own, updates):
    own.put(1, "t", "k", make)
    for _ in range(updates):
        own.put(1, "t", "k", make)
    own.remove(1, "t", "k", "lost")
    after = own.clock
    (_, first), (_, then) = own.delta(1, 10**6), own.delta(after - 1, 10**6)
    made = list(range(1, updates + 2))
    assert (first[4], first[5], first[6]) == ([], [], made)
    assert (then[5], then[6]) == ([], made[-1:])


def test_what_an_update_removed_has_left_where_what_it_made_stands_or_has_left(own):
    own.put(1, "t", "k", make)
    own.put(1, "t", "k", make)
    assert own.delta(1, 10**6)[1][5:] == [[1], []]
    own.remove(1, "t", "k", "left")
    assert own.delta(1, 10**6)[1][5:] == [[1, 2], []]
    own.put(1, "t", "k", make)  # another one, which came instead of nothing
    own.remove(1, "t", "k", "lost")
    assert own.delta(1, 10**6)[1][5:] == [[1, 2], [4]]


def test_a_delta_ends_where_it_is_long_enough_and_is_right_there(own):
    _, one = own.put(1, "t", "a", make)
    own.put(1, "t", "a", make)
    size = bytes_of(one)
    assert own.delta(0, size)[1] == ["delta", "m-1.0", 0, 1, [[*one]], [], []]
    assert own.delta(0, 1)[1][3] == 1  # one operation, at least
    assert own.delta(0, 2 * size + replicas.TAG_BYTES)[1][3] == 2
    assert own.delta(0, 2 * size + replicas.TAG_BYTES - 1)[1][3] == 1


@pytest.mark.parametrize(
    ("clock", "covered"), [(-1, False), (0, False), (1, True), (6, True), (7, False)]
)
def test_the_log_is_as_long_as_it_says(own, clock, covered):
    fill(own, 6)
    assert own.covers(clock) is covered


def test_the_log_is_bounded(own):
    for number in range(40):
        fill(own, 1)
        assert len(own._operations) <= 10
        assert own.delta(max(0, own.clock - 5), LIMIT)[1][3] == number + 1


# -- pages


def pages(own: Replica, limit: int) -> list[list]:
    found = [own.page(own.clock, 0, limit)]
    while found[-1][5]:
        found.append(own.page(found[0][2], found[-1][4][-1][0], limit))
    return found


def test_an_empty_set_is_one_page(own):
    assert own.page(0, 0, LIMIT) == ["page", "m-1.0", 0, 0, [], False]


def test_pages_are_by_ascending_tag(own):
    fill(own, 7)
    size = bytes_of(own.part.entries[1])
    assert [tags(each) for each in pages(own, 3 * size)] == [[1, 2, 3], [4, 5, 6], [7]]
    assert [tags(each) for each in pages(own, 3 * size - 1)] == [[1, 2], [3, 4], [5, 6], [7]]
    assert [tags(each) for each in pages(own, 1)] == [[tag] for tag in range(1, 8)]
    assert [tags(each) for each in pages(own, LIMIT)] == [[1, 2, 3, 4, 5, 6, 7]]


def test_pages_are_of_the_set_as_it_was(own):
    fill(own, 6)
    size = bytes_of(own.part.entries[1])
    first = own.page(6, 0, 2 * size)
    own.remove(5, "t", "k5", LEFT)  # on a later page
    own.put(4, "t", "k4", make)  # which was removed and comes anew
    own.remove(1, "t", "k1", LEFT)  # it was on the first
    second = own.page(first[2], first[4][-1][0], 2 * size)
    assert (second[2], tags(second), second[5]) == (6, [3, 4], True)
    third = own.page(first[2], 4, 2 * size)
    assert (third[2], tags(third), third[5]) == (6, [5, 6], False)


def test_pages_begin_anew_where_the_log_does_not_reach_back(own):
    fill(own, 2)
    fill(own, 6)
    assert own.page(2, 1, LIMIT)[2:4] == [8, 0]
    assert own.page(3, 1, LIMIT)[2:4] == [3, 1]


def test_bytes_of_an_entry_are_an_upper_bound():
    for key in ("k", 255 * "k", "é", 63 * "\U0001f600"):
        for each in (entry(1, key), entry(2**53, key, topic=key, meta=1000 * b" ")):
            assert len(msgpack.packb([*each])) <= bytes_of(each)
