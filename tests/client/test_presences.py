"""What a presence is made of: states and diffs, as phoenix.js takes them."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.client.inbox import Inbox
from actors.client.presences import Presences


def metas(*refs: str, **more: Any) -> dict[str, Any]:
    return {"metas": [{"phx_ref": ref, **more} for ref in refs]}


def diff(joins: Any = None, leaves: Any = None) -> dict[str, Any]:
    return {"joins": joins or {}, "leaves": leaves or {}}


def presences(limit: int = 100, pending: int = 10) -> Presences:
    return Presences(limit, Inbox(pending, 1000))


@pytest.fixture
def two() -> Presences:
    """Ada at two places, Bob at one, as of the join "1"."""
    made = presences()
    made.state("1", {"ada": metas("a1", "a2"), "bob": metas("b1")})
    return made


def refs(made: Presences) -> dict[str, list[str]]:
    return {k: [meta["phx_ref"] for meta in p["metas"]] for k, p in made.entries.items()}


def test_the_first_state_is_all_joins():
    made = presences()
    changes = made.state("1", {"ada": metas("a1"), "bob": metas("b1")})
    assert changes == [
        ("join", "ada", None, metas("a1")),
        ("join", "bob", None, metas("b1")),
    ]


def test_a_further_state_tells_what_has_changed(two):
    changes = two.state("2", {"ada": metas("a2", "a3"), "eve": metas("e1")})
    assert changes == [
        ("join", "ada", metas("a1", "a2"), metas("a3")),
        ("join", "eve", None, metas("e1")),
        ("leave", "bob", metas(), metas("b1")),
        ("leave", "ada", metas("a2", "a3"), metas("a1")),
    ]
    assert refs(two) == {"ada": ["a2", "a3"], "eve": ["e1"]}


def test_the_same_state_again_changes_nothing(two):
    assert two.state("2", {"ada": metas("a2", "a1"), "bob": metas("b1")}) == []


def test_a_join_of_who_is_there_adds_a_place(two):
    assert two.diff("1", diff({"bob": metas("b2")}), 1) == [
        ("join", "bob", metas("b1"), metas("b2"))
    ]
    assert refs(two)["bob"] == ["b1", "b2"]


def test_the_last_leave_takes_the_key_away(two):
    assert two.diff("1", diff(leaves={"ada": metas("a1")}), 1) == [
        ("leave", "ada", metas("a2"), metas("a1"))
    ]
    assert two.diff("1", diff(leaves={"ada": metas("a2")}), 1) == [
        ("leave", "ada", metas(), metas("a2"))
    ]
    assert refs(two) == {"bob": ["b1"]}


def test_an_update_is_a_join_and_then_a_leave(two):
    changes = two.diff("1", diff({"bob": metas("b2", x=1)}, {"bob": metas("b1")}), 1)
    assert [(each.kind, each.current) for each in changes] == [
        ("join", metas("b1")),
        ("leave", metas("b2", x=1)),
    ]
    assert two.entries["bob"] == metas("b2", x=1)


def test_a_leave_of_who_is_not_there_is_ignored(two):
    assert two.diff("1", diff(leaves={"eve": metas("e1")}), 1) == []


def test_what_fetch_adds_is_that_of_the_last_join(two):
    two.diff("1", diff({"bob": {**metas("b2"), "name": "Bob"}}), 1)
    assert two.entries["bob"] == {**metas("b1", "b2"), "name": "Bob"}


def test_diffs_before_the_state_wait_for_it():
    made = presences()
    assert made.diff("1", diff({"ada": metas("a2")}), 1) is None
    assert made.entries == {}
    changes = made.state("1", {"ada": metas("a1")})
    assert [each.key for each in changes] == ["ada", "ada"]
    assert refs(made) == {"ada": ["a1", "a2"]}


def test_diffs_of_a_further_join_wait_for_its_state(two):
    assert two.is_pending("2")
    assert two.diff("2", diff(leaves={"bob": metas("b1")}), 1) is None
    assert "bob" in two.entries
    two.state("2", {"ada": metas("a1", "a2"), "bob": metas("b1")})
    assert "bob" not in two.entries
    assert not two.is_pending("2")


@pytest.mark.parametrize(("count", "kept"), [(2, 2), (3, 3), (4, 3)])
def test_so_many_diffs_wait_and_the_oldest_go_first(count, kept):
    made = presences(pending=3)
    for number in range(count):
        made.diff("1", diff({f"k{number}": metas(f"r{number}")}), 1)
    made.state("1", {})
    assert list(made.entries) == [f"k{n}" for n in range(count - kept, count)]


@pytest.mark.parametrize(("count", "passed"), [(2, 0), (3, 0), (4, 1)])
def test_so_many_metas_are_kept(count, passed):
    made = presences(limit=3)
    made.state("1", {})
    for number in range(count):
        made.diff("1", diff({"same" if number % 2 else f"k{number}": metas(f"r{number}")}), 1)
    assert made.passed_over == passed
    assert sum(map(len, refs(made).values())) == count - passed
    made.diff("1", diff(leaves={"same": metas("r1")}), 1)
    made.diff("1", diff({"new": metas("n")}), 1)
    assert "new" in made.entries


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {"ada": 1},
        {"ada": {}},
        {"ada": {"metas": {}}},
        {"ada": {"metas": [1]}},
        {"ada": {"metas": [{}]}},
        {"ada": {"metas": [{"phx_ref": 1}]}},
    ],
)
def test_what_is_no_state_or_diff_changes_nothing(two, payload):
    before = copy.deepcopy(two.entries)
    with pytest.raises(ValueError, match="presence"):
        two.state("1", payload)
    with pytest.raises(ValueError, match="presence"):
        two.diff("1", {"joins": payload, "leaves": {}}, 1)
    with pytest.raises(ValueError, match="presence"):
        two.diff("1", {"leaves": payload}, 1)
    assert two.entries == before


@pytest.mark.parametrize("payload", [None, [], 1, b"x"])
def test_what_is_no_diff_at_all_is_refused(two, payload):
    with pytest.raises(ValueError, match="presence_diff"):
        two.diff("1", payload, 1)


def test_a_diff_may_leave_a_part_out(two):
    assert two.diff("1", {"leaves": {"bob": metas("b1")}}, 1) != []
    assert two.diff("1", {}, 1) == []


def test_a_presence_without_metas_is_nobody(two):
    assert two.diff("1", diff({"eve": metas()}), 1) == []
    assert "eve" not in two.entries


def test_what_was_shown_is_never_changed(two):
    shown = two.entries["ada"]
    before = copy.deepcopy(shown)
    two.diff("1", diff({"ada": metas("a3")}, {"ada": metas("a1")}), 1)
    assert shown == before


KEYS = st.sampled_from(["ada", "bob", "eve"])
PART = st.dictionaries(
    KEYS, st.lists(st.sampled_from("1234"), min_size=1, unique=True).map(lambda r: metas(*r))
)


@given(st.lists(st.tuples(st.booleans(), PART, PART), max_size=20))
def test_the_sum_of_what_is_told_is_what_is_there(steps):
    made = presences()
    told: dict[str, set[str]] = {}
    waited = False
    for is_state, one, other in steps:
        changes = made.state("1", one) if is_state else made.diff("1", diff(one, other), 1)
        for change in changes or ():
            named = {meta["phx_ref"] for meta in change.presence["metas"]}
            mine = told.setdefault(change.key, set())
            told[change.key] = mine | named if change.kind == "join" else mine - named
        if is_state and not waited:
            assert {k: set(r) for k, r in refs(made).items()} == {
                k: {m["phx_ref"] for m in p["metas"]} for k, p in one.items()
            }
        waited = changes is None or (waited and not is_state)
        if made._join_ref is not None:
            assert {k: set(r) for k, r in refs(made).items()} == {
                k: r for k, r in told.items() if r
            }
            assert made._count == sum(map(len, refs(made).values()))
