"""What an expected payload matches, and the words for where it does not."""

from __future__ import annotations

from typing import Any
from unittest.mock import ANY

import pytest

from actors.testing.matching import difference, shown


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (..., None),
        (..., {"a": 1}),
        (str, "a"),
        (dict, {}),
        (bool, True),
        (int, 1),
        (float, 1.5),
        ({}, {"a": 1}),
        ({"a": 1}, {"a": 1, "b": 2}),
        ({"a": {"b": int}}, {"a": {"b": 2, "c": 3}}),
        ([1, ...], [1, "x"]),
        ((1, 2), [1, 2]),
        ([{"a": 1}], [{"a": 1, "b": 2}]),
        (1.5, pytest.approx(1.5)),
        (pytest.approx(0.3), 0.1 + 0.2),
        (ANY, True),
        (None, None),
        (True, True),
        (1, 1.0),
        (b"x", b"x"),
    ],
)
def test_matches(expected: Any, value: Any) -> None:
    assert difference(expected, value) is None


@pytest.mark.parametrize(
    ("expected", "value", "words"),
    [
        ("a", "b", "$: 'b' is not 'a'"),
        (str, 1, "$: 1 is no str"),
        (int, True, "$: True is no int"),
        (float, True, "$: True is no float"),
        (True, 1, "$: 1 is not True"),
        (1, True, "$: True is not 1"),
        (None, {}, "$: {} is not None"),
        ({"a": 1}, [], "$: [] is no mapping"),
        ({"a": 1}, {}, "$: has no 'a'"),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "$.a.b: 2 is not 1"),
        ([1], {"a": 1}, "$: {'a': 1} is no list"),
        ([1], [1, 2], "$: has 2 elements, not 1"),
        ({"a": [1, 2]}, {"a": [1, 3]}, "$.a[1]: 3 is not 2"),
    ],
)
def test_says_where_it_differs(expected: Any, value: Any, words: str) -> None:
    assert difference(expected, value) == words


def test_what_is_expected_is_shown_as_it_was_written() -> None:
    expected = {"a": [..., str], "b": ("x", 1), "c": {}}
    assert shown(expected) == "{'a': [..., str], 'b': ['x', 1], 'c': {}}"
