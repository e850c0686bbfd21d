"""The log of a drill's server: read alike in both formats."""

from __future__ import annotations

import json

import pytest

from supervision.drills.logs import errors, readable

RECORD = {
    "ts": "2026-01-01T00:00:00.123Z",
    "level": "error",
    "logger": "roost.runtime",
    "message": "it crashed",
    "pid": 7,
}
SHOWN = "2026-01-01 00:00:00,123 [7] ERROR roost.runtime: it crashed"


def test_errors_are_found_in_what_a_server_printed():
    lines = [
        "2026-01-01 00:00:00,000 [7] INFO roost.endpoint: ERROR is a word",
        "2026-01-01 00:00:00,000 [7] ERROR roost.runtime: it crashed",
        "2026-01-01 00:00:00,000 [7] CRITICAL app: all is lost",
    ]
    assert errors(lines) == ["ERROR roost.runtime: it crashed", "CRITICAL app: all is lost"]


def test_an_object_of_json_is_shown_as_the_console_has_it():
    assert readable(json.dumps(RECORD)) == [SHOWN]
    assert errors(readable(json.dumps(RECORD))) == ["ERROR roost.runtime: it crashed"]


def test_what_was_raised_is_shown_below():
    error = {"type": "ValueError", "message": "no"}
    assert readable(json.dumps({**RECORD, "error": error})) == [SHOWN, "  ValueError: no"]
    error["stack"] = "Traceback (most recent call last):\nValueError: no"
    assert readable(json.dumps({**RECORD, "error": error})) == [
        SHOWN,
        "  Traceback (most recent call last):",
        "  ValueError: no",
    ]


@pytest.mark.parametrize("line", ["", "words", "{", "{}", '{"ts": 1}', "[]", SHOWN])
def test_another_line_stays(line):
    assert readable(line) == [line]
