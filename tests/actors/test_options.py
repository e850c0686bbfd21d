"""Options: checked one by one, and named where they are wrong."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from actors.errors import ConfigError
from actors.options import (
    Options,
    boolean,
    build,
    did_you_mean,
    limits,
    one_of,
    option,
    positive,
    positive_int,
    refuse_unknown,
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Some(Options):
    size: int = option(10, "how much", check=positive_int, limit="bytes")
    rate: float = option(1.5, "how fast", check=positive)
    name: str = option("x", "what it is called")
    plain: int = 3


NUMBERS = "a number above 0"
WHOLE = "a whole number above 0"


@pytest.mark.parametrize(
    ("check", "accepted", "refused", "form"),
    [
        (positive, [1, 0.1], [0, -1, True, "1", None, float("nan")], NUMBERS),
        (positive_int, [1, 2**40], [0, -1, 1.0, True, "1", None], WHOLE),
        (boolean, [True, False], [0, 1, None, "yes"], "True or False"),
        (one_of("a", 2), ["a", 2], ["b", 3, None], "'a' or 2"),
    ],
    ids=["positive", "positive_int", "boolean", "one_of"],
)
def test_a_check_answers_the_accepted_form(
    check: Any, accepted: list[Any], refused: list[Any], form: str
) -> None:
    assert [check(value) for value in accepted] == [None] * len(accepted)
    assert [check(value) for value in refused] == [form] * len(refused)


def test_defaults_are_checked_and_hold() -> None:
    assert Some() == Some(size=10, rate=1.5, name="x", plain=3)


def test_a_value_that_is_wrong_is_named_with_the_accepted_form() -> None:
    with pytest.raises(ConfigError) as caught:
        Some(size=0)
    assert str(caught.value) == "size=0: must be a whole number above 0"


def test_build_says_where() -> None:
    assert build(Some, {"size": 3}, "here") == Some(size=3)
    with pytest.raises(ConfigError) as caught:
        build(Some, {"rate": -1}, 'socket "/x", websocket')
    assert str(caught.value) == 'socket "/x", websocket: rate=-1: must be a number above 0'


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sise", " (did you mean 'size'?)"),
        ("zzz", " (known: name, plain, rate, size)"),
    ],
)
def test_an_unknown_name_is_refused_with_a_suggestion(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(Some, {name: 1}, "here")
    assert str(caught.value) == f"here: unknown option {name!r}{hint}"


def test_known_names_are_not_refused() -> None:
    refuse_unknown(["a"], ["a", "b"], "here")
    refuse_unknown([], [], "here")


def test_did_you_mean_lists_what_there_is() -> None:
    assert did_you_mean("x", ["beta", "alpha"]) == " (known: alpha, beta)"


def test_limits_are_the_options_that_have_a_unit() -> None:
    assert list(limits(Some)) == [("size", 10, "bytes", "how much")]


def test_options_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Some().size = 3
