"""The words of a report: what fact 91 asks, for every kind of reason."""

from __future__ import annotations

import pytest

from actors.reasons import (
    KILLED,
    NORMAL,
    SHUTDOWN,
    Crash,
    FailedToStart,
    Failure,
    Shutdown,
)
from supervision.reports import MAX_TEXT, text, words


class Mute(Exception):
    def __str__(self):
        raise RuntimeError

    __repr__ = __str__


def nested(depth):
    reason = Crash(ValueError("root"))
    for number in range(depth):
        reason = FailedToStart(child=number, reason=reason)
    return reason


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (NORMAL, "normal"),
        (SHUTDOWN, "shutdown"),
        (Shutdown("why"), "shutdown 'why'"),
        (KILLED, "killed"),
        (Failure({"a": 1}), "failure {'a': 1}"),
        (Crash(ValueError("v")), "ValueError: v"),
        (Crash(ValueError("two\nlines")), "ValueError: two\\nlines"),
        (Crash(Mute()), "Mute: (it has no text)"),
        (nested(1), "child 0 failed to start: ValueError: root"),
    ],
)
def test_each_kind_of_reason_has_its_words(reason, said):
    assert words(reason) == said


def test_nested_reasons_are_bounded():
    said = words(nested(1000))
    assert said.startswith("child 999 failed to start: child 998 failed to start: ")
    assert said.endswith("...")
    assert len(said) < 300


def test_deep_and_large_details_are_bounded():
    deep = []
    for _ in range(1000):
        deep = [deep]
    for detail in (deep, "x" * 10**6, list(range(10**6)), {"k": "v" * 10**6}, Mute()):
        assert len(words(Failure(detail))) <= MAX_TEXT + len("failure ")


def test_class_is_shown_by_its_name():
    assert text(ValueError) == "ValueError"
