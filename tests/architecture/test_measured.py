"""Where coverage is measured, threads that end at the same time do not hang the tests."""

from __future__ import annotations

import sys

from tests.support.measured import WeakKeys


class Key:
    pass


def test_a_dead_key_is_forgotten() -> None:
    key, other = Key(), Key()
    keys = WeakKeys()
    keys[key], keys[other] = 1, 2
    assert (keys[key], len(keys)) == (1, 2)
    del key
    assert list(keys.values()) == [2]


def test_no_function_of_python_is_entered_for_it() -> None:
    entered = []
    keys, key = WeakKeys(), Key()
    keys[key] = 1
    before = sys.gettrace()
    sys.settrace(lambda frame, *_: entered.append(frame.f_code.co_name))
    try:
        del key
    finally:
        sys.settrace(before)
    assert entered == []
    assert len(keys) == 0
