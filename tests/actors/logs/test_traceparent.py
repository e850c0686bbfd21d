"""The header ``traceparent``: by the letter of W3C Trace Context."""

from __future__ import annotations

import random
import re

import pytest

from actors.logs.provenance import Provenance, fields_of
from actors.logs.traceparent import MAX_HEADER, TraceParent, only, parse

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"
FOUND = TraceParent(TRACE, SPAN)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (GOOD, FOUND),
        (f"00-{TRACE}-{SPAN}-ff", FOUND),
        (f"01-{TRACE}-{SPAN}-01", FOUND),
        (f"fe-{TRACE}-{SPAN}-01-more", FOUND),
        (f"cc-{TRACE}-{SPAN}-01-", FOUND),
        (f"cc-{TRACE}-{SPAN}-01.x", None),
        (f"00-{TRACE}-{SPAN}-01-more", None),
        (f"00-{TRACE}-{SPAN}-01-", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{SPAN}-01", None),
        (f"0-{TRACE}-{SPAN}-01", None),
        (f" {GOOD}", None),
        (GOOD[:-1], None),
        (f"{GOOD} ", None),
        (GOOD.replace("-", "_"), None),
        ("", None),
        (f"01-{TRACE}-{SPAN}-01-" + "x" * (MAX_HEADER - 56), FOUND),
        (f"01-{TRACE}-{SPAN}-01-" + "x" * (MAX_HEADER - 55), None),
    ],
)
def test_header_is_read_strictly(header, found):
    assert parse(header) == found


def test_several_headers_say_nothing():
    assert only([GOOD]) == FOUND
    assert only([GOOD, GOOD]) is None
    assert only([]) is None


def test_random_headers_never_raise_and_are_what_they_say():
    shape = re.compile("(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-[^\\0]*)?")
    chance = random.Random(5)
    valid = 0
    for _ in range(10_000):
        header = list(GOOD)
        for _ in range(chance.randrange(3)):
            header[chance.randrange(len(header))] = chance.choice("0afgF-\x00\n é٣")
        text = "".join(header) + chance.choice(["", "", "-x", "x"])
        found = parse(text)
        match = shape.fullmatch(text)
        wanted = match is not None and (match[3] is None or not text.startswith("00"))
        assert (found is not None) == (wanted and any(match[1].strip("0")) and match[2] != "0" * 16)
        valid += found is not None
    assert 1000 < valid < 9000


def test_provenance_is_fields_of_a_line():
    made = Provenance("/chat", "websocket", tuple(FOUND._asdict().items()))
    assert made.fields() == {
        "mount": "/chat", "transport": "websocket", "trace_id": TRACE, "span_id": SPAN,
    }  # fmt: skip

    class Transport:
        provenance = made

    class Without:
        provenance = None

    assert fields_of(Transport()) == made.fields()
    assert fields_of(Without()) == fields_of(object()) == {}
