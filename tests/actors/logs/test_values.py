"""Any value as JSON, bounded and without secrets; and lines made of them."""

from __future__ import annotations

import json
import math
import random
from collections import OrderedDict
from decimal import Decimal

import pytest

from actors.logs.filtering import FILTERED, Parameters
from actors.logs.line import MAX_EXTRA, MAX_LINE, MAX_STACK, OURS, line, middle_cut, timestamp
from actors.logs.values import CUT, MAX_FIELD, MAX_ITEMS, MAX_NAME, MAX_VALUES, plain, text

P = Parameters()
EVIL = "a\r\n\x1b[2J\x9b\u2028\u2029\u202e\ud800"
SAFE = r"a\r\n\x1b[2J\x9b\u2028\u2029\u202e\ud800"


class Rude:
    def __repr__(self):
        raise RuntimeError

    __str__ = __repr__


class Liar(dict):
    def items(self):
        raise RuntimeError

    __iter__ = keys = __len__ = items


class Text(str):
    __slots__ = ()

    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, True),
        (5, 5),
        (2**63, 2**63),
        (2**64, "a whole number of 65 bits"),
        (-(10**5000), "a whole number of 16610 bits"),
        (0.5, 0.5),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (Decimal("1.5"), "Decimal('1.5')"),
        ("text", "text"),
        (EVIL, SAFE),
        (Text("text"), "text"),
        (b"\x00ab", r"b'\x00ab'"),
        (bytearray(b"ab"), "b'ab'"),
        (Rude(), "a Rude (RuntimeError)"),
        ([1, (2, "x"), {3}], [1, [2, "x"], [3]]),
        ({"a": {"token": "SECRET", "n": 1}}, {"a": {"token": FILTERED, "n": 1}}),
        ({"token": None, "session": False}, {"token": None, "session": False}),
        ({5: 1, b"cookie": "SECRET", Rude(): 2}, {"5": 1, r"b'cookie'": FILTERED,
                                                  "a Rude (RuntimeError)": 2}),
        ([("cookie", "SECRET"), ["x", "y"]], [["cookie", FILTERED], ["x", "y"]]),
        (OrderedDict(a=1), {"a": 1}),
        (Liar(a=1), {"a": 1}),
        ("x" * MAX_FIELD, "x" * MAX_FIELD),
        ("x" * (MAX_FIELD + 1), "x" * MAX_FIELD + CUT),
        ("x" * (MAX_FIELD + 900), "x" * MAX_FIELD + CUT),
        ({"n" * MAX_NAME: 1}, {"n" * MAX_NAME: 1}),
        ({"n" * (MAX_NAME + 1): 1}, {"n" * MAX_NAME + CUT: 1}),
        (list(range(MAX_ITEMS)), list(range(MAX_ITEMS))),
        (list(range(MAX_ITEMS + 1)), [*range(MAX_ITEMS), CUT]),
        (dict.fromkeys(range(MAX_ITEMS + 1), 0), {**{str(n): 0 for n in range(MAX_ITEMS)},
                                                  CUT: CUT}),
        ([[[[[[1]]]]]], [[[[[CUT]]]]]),
    ],
    ids=lambda _: "",
)  # fmt: skip
def test_value_is_shown_as_json_can(value, shown):
    assert plain(value, P) == shown
    json.dumps(plain(value, P), allow_nan=False)


def test_value_that_contains_itself_ends_somewhere():
    loop = []
    loop += [loop] * MAX_ITEMS
    assert len(json.dumps(plain(loop, P))) < 20 * MAX_VALUES + 100 * MAX_ITEMS
    wide = {str(n): {str(m): {} for m in range(MAX_ITEMS)} for n in range(MAX_ITEMS)}
    assert len(json.dumps(plain(wide, P))) < 100 * MAX_VALUES


def test_container_that_is_changed_meanwhile_is_said_to_have_failed():
    changing = {}

    class Key:
        def __repr__(self):
            changing[len(changing)] = 1
            return "key"

    changing[Key()] = 1
    assert plain(changing, P) == {"key": 1}
    assert plain({(1, 2): 0, ("token", "SECRET"): 1}, P)["(1, 2)"] == 0


def test_value_that_cannot_be_shown_is_said_to_have_failed():
    class Broken(Parameters):
        def text(self, text):
            raise RuntimeError

    assert plain("text", Broken()) == "a str (RuntimeError)"


class Moody(list):
    """Its length is no number."""


def test_container_whose_type_lies_is_shown_all_the_same():
    assert plain(Moody([1, 2]), P) == [1, 2]
    assert plain([Rude(), [Rude]], P)[0] == "a Rude (RuntimeError)"


def test_text_is_filtered_before_it_is_cut():
    assert text("token=" + "S" * 3000, P) == f"token={FILTERED}{CUT}"
    assert text("x" * 1990 + " token=SECRET", P, 2000).count("SECRET") == 0


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_764_302_400.9999, "2025-11-28T04:00:00.999Z"),
        (1e30, "1970-01-01T00:00:00.000Z"),
        (math.nan, "1970-01-01T00:00:00.000Z"),
    ],
)
def test_time_is_rfc_3339_in_utc(seconds, shown):
    assert timestamp(seconds) == shown


def test_fields_of_an_application_never_replace_ours():
    own = {"message": "m", "ts": "t"}
    made = json.loads(line(own, dict.fromkeys(OURS, "forged") | {"user": 1}, P))
    assert (made["message"], made["ts"], made["user"]) == ("m", "t", 1)
    assert made.keys() == {"message", "ts", "user", *(f"extra_{name}" for name in OURS)}


def test_name_that_is_there_already_is_left_out():
    made = line({}, {"level": 1, "extra_level": 2, 3: 4}, P)
    assert json.loads(made, object_pairs_hook=list) == [
        ("extra_level", 1), ("3", 4), ("truncated", True),
    ]  # fmt: skip


@pytest.mark.parametrize("count", [MAX_EXTRA - 1, MAX_EXTRA, MAX_EXTRA + 1])
def test_fields_are_bounded_in_number(count):
    made = json.loads(line({}, {f"f{number}": number for number in range(count)}, P))
    assert len(made) - ("truncated" in made) == min(count, MAX_EXTRA)
    assert ("truncated" in made) == (count > MAX_EXTRA)


def test_line_is_bounded_and_what_does_not_fit_in_is_left_out():
    extra = {f"f{number}": "\\" * 2000 for number in range(20)}
    made = line({"message": "m"}, extra, P)
    assert len(made) <= MAX_LINE
    assert json.loads(made)["truncated"] is True
    assert 2 < len(json.loads(made)) < 20


def test_secret_of_an_application_is_hidden_by_its_name():
    made = json.loads(line({}, {"password": "SECRET", "session": None, "a": "token=SECRET"}, P))
    assert made == {"password": FILTERED, "session": None, "a": f"token={FILTERED}"}


def test_stack_is_cut_in_its_middle_and_left_out_where_it_does_not_fit():
    assert middle_cut("x" * MAX_STACK) == "x" * MAX_STACK
    assert middle_cut("a" + "x" * MAX_STACK + "b").startswith("ax")
    assert "... 2 characters ..." in middle_cut("a" + "x" * MAX_STACK + "b")
    error = {"type": "T", "message": "m", "stack": "\\" * 9000}
    made = json.loads(line({}, {}, P, error))
    assert made == {"error": {"type": "T", "message": "m"}, "truncated": True}
    assert json.loads(line({}, {}, P, {**error, "stack": "s"}))["error"]["stack"] == "s"


def test_whatever_the_values_are_a_line_is_an_object_of_json():
    chance = random.Random(3)
    leaves = [None, True, 10**400, math.nan, EVIL, b"\xff", Rude(), Liar(b=Rude()), "token=SECRET"]

    def made(depth):
        kind = chance.randrange(4) if depth else 0
        if kind == 1:
            return [made(depth - 1) for _ in range(chance.randrange(5))]
        if kind == 2:
            return {chance.choice(["a", EVIL, 5, "token"]): made(depth - 1) for _ in range(3)}
        if kind == 3:
            return (made(depth - 1), made(depth - 1))
        return chance.choice(leaves)

    for _ in range(2000):
        found = line({"message": text(EVIL, P)}, {"x": made(4), EVIL: made(4)}, P)
        assert found.isprintable()
        assert "SECRET" not in found
        assert isinstance(json.loads(found), dict)
