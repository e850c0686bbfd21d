"""What one worker tells another of the lost leaves that wait."""

from __future__ import annotations

from typing import Any

import pytest

from actors.presence.entries import MAX_ENCODED_BYTES, MAX_NAME_BYTES, MAX_REF_BYTES, Entry
from actors.presence.held import HELD, LONGEST, MAX_HELD, heard_of, said_held
from actors.presence.windows import Windows


def entry(number: int = 1, key: str = "k") -> Entry:
    return Entry(number, "t", key, f"r{number}", b'{"phx_ref":"r%d"}' % number)


def test_what_one_says_the_other_hears():
    leaves = [(entry(1), 0.0), (entry(2, "é"), 1.5), (entry(3), LONGEST)]
    heard = list(heard_of(said_held(leaves)))
    assert heard == [(each._replace(tag=0), left) for each, left in leaves]


def test_nothing_is_an_answer_too():
    assert said_held([]) == []
    assert list(heard_of([])) == []


def test_the_question_is_no_answer():
    assert list(heard_of(HELD)) == []


def test_leaves_that_wait_here_wait_as_long_there():
    here, there = Windows(2.0), Windows(2.0)
    here.note(("lost", entry()), 10.0, seen=False)
    for each, left in heard_of(said_held(here.held(10.5))):
        there.hold([(each, 100.0 + left)])
    assert there.due() == 101.5


@pytest.mark.parametrize("count", [MAX_HELD - 1, MAX_HELD, MAX_HELD + 1])
def test_an_answer_has_at_most_so_many(count):
    said = said_held((entry(number), 1.0) for number in range(count))
    assert len(said) == min(count, MAX_HELD)
    raw = [[*entry(number)[1:], 1.0] for number in range(count)]
    assert [each.ref for each, _ in heard_of(raw)] == [f"r{n}" for n in range(min(count, MAX_HELD))]


def raw(**other: Any) -> list[Any]:
    fields = {"topic": "t", "key": "k", "ref": "r1", "meta": b'{"phx_ref":"r1"}', "left": 1.0}
    return list({**fields, **other}.values())


def test_fields_at_their_limits_are_heard():
    longest = MAX_ENCODED_BYTES - len(b'{"phx_ref":"r1","x":""}')
    good = [
        raw(topic="t" * MAX_NAME_BYTES, key="k" * MAX_NAME_BYTES),
        raw(ref="r" * MAX_REF_BYTES, meta=b'{"phx_ref":"%b"}' % (b"r" * MAX_REF_BYTES)),
        raw(meta=b'{"phx_ref":"r1","x":"%b"}' % (b"x" * longest)),
        raw(left=0.0),
        raw(left=LONGEST),
    ]
    assert len(list(heard_of(good))) == len(good)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        7,
        "text",
        {},
        [],
        raw()[:4],
        [*raw(), 1],
        raw(topic=1),
        raw(key=None),
        raw(ref=b"r1"),
        raw(meta='{"phx_ref":"r1"}'),
        raw(left=1),
        raw(left="1"),
        raw(left=-0.1),
        raw(left=LONGEST + 1),
        raw(left=float("nan")),
        raw(left=float("inf")),
        raw(topic="t" * (MAX_NAME_BYTES + 1)),
        raw(key="k" * (MAX_NAME_BYTES + 1)),
        raw(key="__proto__"),
        raw(key="\ud800"),
        raw(meta=b"no JSON"),
        raw(meta=b"[]"),
        raw(meta=b"{}"),
        raw(meta=b'{"phx_ref":"r2"}'),
        raw(meta=b'{"phx_ref":"r1","x":"%b"}' % (b"x" * MAX_ENCODED_BYTES)),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_malformed_is_passed_over_and_the_rest_is_heard(bad):
    assert [each.ref for each, _ in heard_of([bad, raw()])] == ["r1"]


@pytest.mark.parametrize("answer", [None, 7, "text", {}, (), b"", raw])
def test_what_is_no_list_is_no_answer(answer):
    assert list(heard_of(answer)) == []
