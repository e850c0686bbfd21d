from __future__ import annotations

import time

import pytest

from transports.websocket.extensions import Offer, parse_offers


@pytest.mark.parametrize(
    ("values", "offers"),
    [
        ([], []),
        ([""], []),
        ([" \t, ,,"], []),
        (["a"], [("a", ())]),
        ([" a , b"], [("a", ()), ("b", ())]),
        (["a", "b"], [("a", ()), ("b", ())]),
        (["a,,b,"], [("a", ()), ("b", ())]),
        (["a;x"], [("a", (("x", None),))]),
        (["a\t; x = 1 ;y"], [("a", (("x", "1"), ("y", None)))]),
        (['a; x="10"'], [("a", (("x", "10"),))]),
        (['a; x="1\\0" ; y'], [("a", (("x", "10"), ("y", None)))]),
        (["a; x; x"], [("a", (("x", None), ("x", None)))]),
        (["a; x=1, a; x=2"], [("a", (("x", "1"),)), ("a", (("x", "2"),))]),
        (["A!#$%&'*+.^_`|~-9"], [("A!#$%&'*+.^_`|~-9", ())]),
    ],
)
def test_offers_are_read_in_the_clients_order(values: list[str], offers: list[object]) -> None:
    assert parse_offers(values) == [Offer(*offer) for offer in offers]


@pytest.mark.parametrize(
    "value",
    [
        ";",
        "a;",
        "a;;x",
        "a;,b",
        "a b",
        "a; x y",
        "a=1",
        "a=1; x",
        "=1",
        "a; x=",
        "a; =1",
        "a; x=1=2",
        'a; x=""',
        'a; x="1',
        'a; x="1" 2',
        'a; x="1 2"',
        'a; x="1;2"',
        'a; x="1\\"',
        'a; x=1"2"',
        '"a"',
        "a\u00e9",
        "a; x=\u00e9",
        "(a)",
        "a\x00",
        "a\n",
        "a; x=\x0b1",
        'a; x="1,2"',
        'a; x="\\\\1"',
    ],
)
def test_what_rfc_6455_does_not_allow_is_no_offer_at_all(value: str) -> None:
    assert parse_offers([value]) is None
    assert parse_offers(["good", value]) is None


@pytest.mark.parametrize("joint", [",", ";"])
def test_32_names_and_parameters_are_read_and_33_are_too_many(joint: str) -> None:
    assert parse_offers([joint.join(["x"] * 31)]) is not None
    assert parse_offers([joint.join(["x"] * 32)]) is not None
    assert parse_offers([joint.join(["x"] * 33)]) is None


@pytest.mark.parametrize(
    "value",
    [
        "b" + " " * 8000,
        "b" + " " * 8000 + "b",
        "b" * 8000 + "\x00",
        "b;" * 4000,
        "b; x=" + "y" * 8000 + "\x00",
        'b; x="' + "y" * 8000,
        'b; x="' + "\\y" * 4000,
        "," * 8000,
        " ," * 4000 + "\x00",
    ],
)
def test_no_value_takes_more_than_linear_time(value: str) -> None:
    start = time.process_time()
    for _ in range(20):
        parse_offers([value])
    assert (time.process_time() - start) / 20 < 0.005
