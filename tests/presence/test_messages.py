"""What is a message of presence, and what is not: nothing raises, whatever it is."""

from __future__ import annotations

import pytest

from actors.presence import messages
from actors.presence.entries import MAX_ENCODED_BYTES, Entry
from actors.presence.messages import Beat, Bye, Delta, Page, Want, goner, parse, sender

ME = "m-1.0"


def raw(tag=1, topic="t", key="k", ref="r", meta=b'{"phx_ref":"r"}'):
    return [tag, topic, key, ref, meta]


def delta(since=0, to=3, adds=None, left=None, lost=None):
    return ["delta", ME, since, to, [] if adds is None else adds, left or [], lost or []]


def page(clock=3, after=0, adds=None, more=False):
    return ["page", ME, clock, after, [] if adds is None else adds, more]


def entry(tag=1):
    return Entry(*raw(tag))


@pytest.mark.parametrize(
    ("message", "parsed"),
    [
        (["beat", ME, 0], Beat(0)),
        (["beat", ME, messages.MAX_CLOCK - 1], Beat(messages.MAX_CLOCK - 1)),
        (["beat", ME, messages.MAX_CLOCK], Beat(messages.MAX_CLOCK)),
        (["bye", ME, 7], Bye(7)),
        (["want", ME, "m-2.0", 7, 0], Want("m-2.0", 7, 0)),
        (["want", ME, "", 7, 7], Want("", 7, 7)),
        (delta(0, 3, [raw(1), raw(3)], [2]), Delta(0, 3, [entry(1), entry(3)], [2], [])),
        (delta(2, 3, [], [], [1]), Delta(2, 3, [], [], [1])),
        (page(0), Page(0, 0, [], False)),
        (page(3, 1, [raw(2), raw(3)], True), Page(3, 1, [entry(2), entry(3)], True)),
    ],
)
def test_a_message(message, parsed):
    assert sender(message) == ("m-1", 0)
    assert parse(message, {}) == parsed


JUNK = [
    None, True, False, -1, 1.5, 2**64 - 1, -(2**63), "", "x", b"x", [], {}, [[]], {"a": 1}, [None],
    float("nan"), "\ud800", 2**53 + 1,
]  # fmt: skip


def replaced(message, path, value):
    copied = [*message]
    if len(path) == 1:
        copied[path[0]] = value
    else:
        copied[path[0]] = replaced(copied[path[0]], path[1:], value)
    return copied


FULL = [
    (["beat", ME, 3], [(2,)]),
    (["bye", ME, 3], [(2,)]),
    (["want", ME, "m-2.0", 3, 1], [(2,), (3,), (4,)]),
    (delta(0, 9, [raw()], [2], [3]), [(2,), (3,), (4,), (4, 0), (5,), (6,), (5, 0), (6, 0)]),
    (page(3, 0, [raw()]), [(2,), (3,), (4,), (4, 0), (5,)]),
    *((delta(0, 9, [raw()]), [(4, 0, field)]) for field in range(5)),
]
FINE = {
    "want": {2: [str]},  # any text is the name of no set of ours
    "page": {5: [bool]},
}


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: ascii(junk)[:20])
@pytest.mark.parametrize(("message", "paths"), FULL)
def test_junk_in_any_place_is_no_message(message, paths, junk):
    for path in paths:
        changed = replaced(message, path, junk)
        kinds = FINE.get(message[0], {}).get(path[0], [])
        empty = junk == [] and path in {(4,), (5,), (6,)}
        names = path in {(4, 0, 1), (4, 0, 2)} and type(junk) is str and junk != "\ud800"
        if not (type(junk) in kinds or empty or names):
            assert parse(changed, {}) is None


@pytest.mark.parametrize(
    "junk", [*JUNK, ["x", ME, 1], ["delta", ME], ["beat", ME, 1, 2], ["gone", ME]]
)
def test_junk_is_no_message(junk):
    assert parse(junk, {}) is None


@pytest.mark.parametrize(
    "message",
    [
        delta(3, 3),  # nothing happened
        delta(4, 3),
        delta(0, 3, [raw(2), raw(2)]),  # twice
        delta(0, 3, [raw(2), raw(1)]),
        delta(0, 3, [raw(4)]),  # beyond its clock
        delta(1, 3, [raw(1)]),  # from before it
        delta(0, 3, [raw(0)]),
        delta(0, 3, [raw(1)], [1]),  # added, and not
        delta(0, 3, [], [1, 1]),
        delta(0, 3, [], [1], [1]),
        delta(0, 3, [], [3]),  # removed by the operation that adds it
        delta(0, 3, [], [0]),
        delta(0, 3, [], [True]),
        delta(2, 3, [], [1, 2]),  # two by one operation
        ["delta", ME, 0, 3, [], (1,), []],
        page(3, 4),
        page(3, 0, [raw(4)]),
        page(3, 1, [raw(1)]),
        page(3, 0, [], True),  # more without an end
        page(3, 0, [], 1),
        ["want", ME, "m-2.0", 3, 4],
        ["beat", ME, messages.MAX_CLOCK + 1],
    ],
)
def test_what_cannot_have_happened_is_no_message(message):
    assert parse(message, {}) is None


@pytest.mark.parametrize(
    ("fields", "ok"),
    [
        ({"topic": 255 * "t", "key": 255 * "k"}, True),
        ({"topic": 256 * "t"}, False),
        ({"key": 256 * "k"}, False),
        ({"key": 128 * "é"}, False),
        ({"key": "valueOf"}, False),
        ({"key": ""}, True),
        ({"meta": b'{"phx_ref":"other"}'}, False),
        ({"meta": b"{}"}, False),
        ({"meta": b'["r"]'}, False),
        ({"meta": b'{"phx_ref":"r"'}, False),
        ({"meta": b'{"phx_ref":"r"},{"phx_ref":"r"}'}, False),
        ({"meta": b"\xff"}, False),
        ({"meta": b'{"a":' + 70 * b"[" + 70 * b"]" + b',"phx_ref":"r"}'}, False),
        ({"meta": b'{"phx_ref":"r"}'.ljust(MAX_ENCODED_BYTES - 1)}, True),
        ({"meta": b'{"phx_ref":"r"}'.ljust(MAX_ENCODED_BYTES)}, True),
        ({"meta": b'{"phx_ref":"r"}'.ljust(MAX_ENCODED_BYTES + 1)}, False),
        ({"ref": 64 * "r", "meta": b'{"phx_ref":"%s"}' % (64 * b"r")}, True),
        ({"ref": 65 * "r", "meta": b'{"phx_ref":"%s"}' % (65 * b"r")}, False),
    ],
)
def test_an_entry(fields, ok):
    assert (parse(page(3, 0, [raw(**fields)]), {}) is not None) is ok


def test_topics_are_shared():
    one = str(b"topic", "ascii")
    several = [raw(tag, topic=str(b"topic", "ascii")) for tag in (1, 2)]
    for names, shared in (({one: one}, one), ({}, several[0][1])):
        parsed = parse(page(3, 0, several), names)
        assert all(each.topic is shared for each in parsed.adds)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("m-1.0", ("m-1", 0)),
        ("a.b-1.12", ("a.b-1", 12)),
        ("m-1.1000000000", ("m-1", 10**9)),
        ("m-1.999999999", ("m-1", 10**9 - 1)),
        ("m-1.1000000001", None),
        ("m-1.01", None),  # nobody has two names
        ("m-1.-1", None),
        ("m-1.+1", None),
        ("m-1.", None),
        ("m-1.²", None),
        ("m-1.٣", None),
        ("m-1", None),
        (".0", None),
        (254 * "m" + ".0", (254 * "m", 0)),
        (255 * "m" + ".0", (255 * "m", 0)),
        (256 * "m" + ".0", None),
        ("m-1." + 5000 * "1", None),
        ("\ud800.0", None),
        (b"m-1.0", None),
        (None, None),
        ([], None),
    ],
)
def test_a_name(name, found):
    assert sender(["beat", name, 0]) == found


@pytest.mark.parametrize("junk", [*JUNK, ["beat"], ("beat", ME, 0)])
def test_junk_has_no_sender(junk):
    assert sender(junk) is None
    assert goner(junk) is None


@pytest.mark.parametrize(
    ("message", "worker"),
    [
        (["gone", "m-1"], "m-1"),
        (["gone", ""], None),
        (["gone", 256 * "m"], None),
        (["gone", 1], None),
        (["gone", "m-1", 2], None),
        (["beat", "m-1"], None),
    ],
)
def test_who_is_gone(message, worker):
    assert goner(message) == worker
