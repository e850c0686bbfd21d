"""What is said of an exception, whatever the exception does."""

from __future__ import annotations

import importlib
import json
import sys
import traceback
from dataclasses import dataclass

import pytest

from actors import crash_text
from actors.crash_text import (
    MAX_CHAIN,
    MAX_DETAIL,
    MAX_GROUP,
    MAX_STACK,
    MAX_TEXT,
    blame,
    crash,
    depth,
    described,
    place,
    stack,
)
from actors.logs.escaping import escaped

HERE = "tests/actors/test_crash_text.py"


def caught(function, *args):
    try:
        function(*args)
    except BaseException as error:  # noqa: BLE001 - whatever there is
        return error
    raise AssertionError("it raised nothing")


def fails(text="no"):
    raise ValueError(text)


def line_of(function, offset=1):
    return f"{HERE}:{function.__code__.co_firstlineno + offset} in {function.__name__}"


class Rude(Exception):
    def __str__(self):
        raise SystemExit

    __repr__ = __str__


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, \u00e9 and \U0001f600", "plain, \u00e9 and \U0001f600"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\x00\x1b[2J\x1f", r"\x00\x1b[2J\x1f"),
        ("\x7e\x7f\x80\x9b\x9f\xa0", "\x7e\\x7f\\x80\\x9b\\x9f\xa0"),
        ("\u2027\u2028\u2029\u202a\u202e\u202f", "\u2027\\u2028\\u2029\\u202a\\u202e\u202f"),
        ("\u2065\u2066\u2069\u206a", "\u2065\\u2066\\u2069\u206a"),
        ("\u061c\u200d\u200e\u200f", "\\u061c\u200d\\u200e\\u200f"),
        ("\ud800\udfff", r"\ud800\udfff"),
    ],
)
def test_controls_are_written_out_and_nothing_else_is(text, shown):
    assert escaped(text) == shown


def test_text_of_an_error_is_bounded():
    for size in (MAX_TEXT - 1, MAX_TEXT, MAX_TEXT + 1, 10_000_000):
        assert described(ValueError("x" * size)) == f"ValueError: {'x' * min(size, MAX_TEXT)}"


def test_error_whose_text_cannot_be_had_is_described_all_the_same():
    error = caught(lambda: (_ for _ in ()).throw(Rude()))
    assert described(error) == "Rude: its __str__ failed"
    assert "Rude: its __str__ failed" in stack(error)


def test_place_is_that_of_the_application():
    assert crash(caught(fails)) == f"ValueError: no at {line_of(fails)}"
    assert crash(caught(fails, "")) == f"ValueError: at {line_of(fails)}"


def test_place_is_the_application_s_line_that_called_a_library():
    def reads():
        return json.loads("{")

    def matches():
        return pytest.fail("in a package that is installed")

    for function in (reads, matches):
        assert place(caught(function)) == line_of(function)


def test_place_is_found_in_the_errors_behind_one_of_a_library():
    plain = caught(fails)
    wrapped = RuntimeError("from a library")
    wrapped.__cause__ = plain
    assert place(wrapped) == line_of(fails)
    in_group = ExceptionGroup("several", [KeyError("never raised"), wrapped])
    assert place(in_group) == line_of(fails)
    hidden = RuntimeError("from None")
    hidden.__context__, hidden.__suppress_context__ = plain, True
    assert place(hidden) == ""


def test_place_of_what_nobody_raised_is_empty_and_of_a_library_alone_the_innermost():
    assert place(ValueError()) == ""
    assert crash(ValueError("v")) == "ValueError: v"
    error = caught(json.loads, "{")
    error.__traceback__ = error.__traceback__.tb_next  # without the frame of this test
    assert "json/decoder.py:" in place(error)
    assert place(error).endswith(" in raw_decode")


def test_place_is_no_method_that_was_generated():
    @dataclass
    class Limits:
        size: int

        def __post_init__(self):
            json.loads("{")

    def makes():
        return Limits(1)

    limits = caught(makes)
    limits.__traceback__.tb_next.tb_next.tb_next = None  # up to the generated __init__
    assert place(limits) == line_of(makes)


def test_place_of_a_wrong_answer_is_the_callback_that_gave_it():
    answered = TypeError("a callback answered 'x'")
    blame(answered, fails)
    assert place(answered) == line_of(fails, 0)
    assert f"  what this callback answered: {line_of(fails, 0)}" in stack(answered).splitlines()
    for nowhere in (len, json.loads, Rude("no function")):
        blame(answered, nowhere)
    assert len(answered.__notes__) == 1
    raised = caught(fails)
    blame(raised, test_place_of_a_wrong_answer_is_the_callback_that_gave_it)
    assert place(raised) == line_of(fails)  # where a line of the application's raised is better


def test_package_that_is_installed_can_be_the_application(tmp_path, monkeypatch):
    home = tmp_path / "site-packages" / "chat"
    home.mkdir(parents=True)
    (home / "__init__.py").write_text("import json\ndef f():\n    json.loads('{')\n")
    monkeypatch.syspath_prepend(str(home.parent))
    monkeypatch.setattr(crash_text, "_homes", [])
    chat = importlib.import_module("chat")
    crash_text._is_application.cache_clear()
    error = caught(lambda: None or chat.f())
    error.__traceback__ = error.__traceback__.tb_next.tb_next
    assert "json/" in place(error)
    crash_text.application_is_at(str(home))
    assert place(error) == "chat/__init__.py:3 in f"
    crash_text._is_application.cache_clear()
    sys.modules.pop("chat")


def test_syntax_error_is_where_it_was_found():
    error = caught(compile, "x = 1\ndef :\n", "/srv/chat/models.py", "exec")
    assert place(error) == "/srv/chat/models.py:2"
    assert '  File "/srv/chat/models.py", line 2: def :' in stack(error).splitlines()


def test_recursion_is_shown_with_its_ends():
    def deeper(n):
        return other(n)

    def other(n):
        return deeper(n + 1)

    error = caught(deeper, 0)
    assert isinstance(error, RecursionError)
    text = stack(error)
    assert " frames ..." in text
    assert len(text.splitlines()) < 100
    assert text.splitlines()[-1].startswith("RecursionError: ")
    assert place(error).startswith(HERE)


def test_errors_behind_an_error_come_first_and_are_bounded():
    def chained(n):
        error = ValueError("number 0")
        for number in range(1, n):
            newer = ValueError(f"number {number}")
            newer.__cause__ = error
            error = newer
        return error

    text = stack(chained(MAX_CHAIN))
    assert text.splitlines()[0] == "ValueError: number 0"
    assert text.count("direct cause") == MAX_CHAIN - 1
    text = stack(chained(1000))
    assert text.splitlines()[0] == "... (the errors before these are left out)"
    assert text.count("ValueError: ") == MAX_CHAIN
    assert text.endswith("number 999")


def test_errors_in_a_circle_are_shown_once():
    one, two = ValueError("one"), ValueError("two")
    one.__cause__, two.__cause__ = two, one
    assert stack(one).count("ValueError: ") == 2
    assert place(one) == ""


def test_group_is_shown_with_its_members_and_bounded():
    def nested(levels):
        error = caught(fails)
        for _ in range(levels):
            error = ExceptionGroup("group", [error] * 50)
        return error

    text = stack(nested(1))
    assert text.count("ValueError: no") == MAX_GROUP
    assert "---- 5 of 50 ----" in text
    assert len(stack(nested(10))) <= MAX_STACK + 100


@pytest.mark.parametrize("size", [MAX_DETAIL, MAX_DETAIL + 1, 10_000_000])
def test_stack_is_bounded_and_a_line_of_an_error_cannot_pass_for_another(size):
    error = caught(fails, "x\n2026-01-01 ERROR forged: \x1b[2J" + "y" * size)
    error.add_note("noted\nby somebody")
    text = stack(error)
    assert len(text) <= MAX_STACK + 100
    assert r"ValueError: x\n2026-01-01 ERROR forged: \x1b[2Jyyy" in text
    assert r"  noted\nby somebody" in text.splitlines()


def test_stack_that_is_long_loses_its_middle():
    error = ExceptionGroup("g", [ValueError("a" * MAX_DETAIL)] * 5)
    error = ExceptionGroup("h", [error] * 5)
    text = stack(error)
    assert " characters ..." in text
    assert MAX_STACK <= len(text) <= MAX_STACK + 100


def test_stack_that_cannot_be_shown_is_said_to(monkeypatch):
    def broken(*_):
        raise OSError

    monkeypatch.setattr(traceback.StackSummary, "extract", broken)
    assert stack(caught(fails)) == "(the stack cannot be shown: OSError)"


def test_depth_counts_from_the_application_on():
    assert depth(ValueError()) == 0
    assert depth(caught(fails)) == 2  # and the frame that calls it
