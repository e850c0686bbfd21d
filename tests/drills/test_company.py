"""What clients of a room have heard is judged: a gap, a double and a change of order are told."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.drills.company import Company, numbers


def company(*everybody, present):
    """Return one of clients that were there, each ``(name, said, texts)``; and what is checked."""
    checked = []
    stage = SimpleNamespace(expect=lambda passed, text: checked.append((bool(passed), text)))
    found = Company(stage, None)
    found.everybody = [
        SimpleNamespace(name=name, said=said, texts=texts, over=False)
        for name, said, texts in everybody
    ]
    found.present = [each for each in found.everybody if each.name in present]
    found.talk = lambda *_, **__: None
    return found, checked


def said(**counts):
    return [f"{name} {number}" for name, count in counts.items() for number in range(count)]


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        (said(a=3, b=2), None),
        ([*said(a=3, b=2), "old", "5000000"], None),
        (["a 0", "b 0", "a 1", "b 1", "a 2"], None),
        (said(a=3, b=1), "a heard b up to 0 of 1"),
        (said(a=3), "a heard b up to -1 of 1"),
        (["a 0", "a 2", *said(b=2)], "a heard a: 2 where 1 comes"),
        (["a 0", "a 1", "a 1", "a 2", *said(b=2)], "a heard a: 1 where 2 comes"),
        (["a 1", "a 0", "a 2", *said(b=2)], "a heard a: 1 where 0 comes"),
        ([*said(a=3), "b 1"], "a heard b: 1 where 0 comes"),
    ],
)
def test_what_is_missing_twice_or_in_another_order_is_told(heard, told):
    found, checked = company(("a", 3, heard), ("b", 2, said(a=3, b=2)), present="ab")
    found.judge("now")
    ((passed, text),) = checked
    assert passed == (told is None)
    assert told is None or told in text


def test_who_came_later_may_have_missed_the_first_and_none_between():
    for heard, fine in ((["a 2", "a 3"], True), (["a 1", "a 3"], False), (["a 2"], False)):
        found, checked = company(("a", 4, said(a=4)), ("b", 0, heard), present="ab")
        found.judge("now")
        assert checked[0][0] == fine


@pytest.mark.parametrize(("heard", "fine"), [(2, True), (1, False), (3, True)])
def test_what_somebody_has_heard_of_itself_before_it_was_sent_away_was_heard_by_all(heard, fine):
    found, checked = company(("a", 0, said(b=heard)), ("b", 4, said(b=2)), present="a")
    found.judge("now")
    assert checked[0][0] == fine


def test_what_is_no_number_is_passed_over():
    assert numbers(["old", "a 0", "5000000", "b 1", "a 1"]) == {"a": [0, 1], "b": [1]}
