"""What is given to a client's methods."""

from __future__ import annotations

import math

import pytest

from actors.client.arguments import check_callback, check_close, check_seconds, is_utf8


@pytest.mark.parametrize("seconds", [None, 0, 0.5, 86_400])
def test_a_time_is_up_to_a_day(seconds):
    check_seconds("timeout", seconds)


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -1, 86_401, 10**400, -math.inf])
def test_a_time_that_nobody_waits_for_is_a_value_error(seconds):
    with pytest.raises(ValueError, match=r"^timeout: must be from 0 to 86400 seconds"):
        check_seconds("timeout", seconds)


@pytest.mark.parametrize("seconds", ["5", True, [], object()])
def test_what_is_no_time_is_a_type_error(seconds):
    with pytest.raises(TypeError, match=r"^timeout: must be a number of seconds"):
        check_seconds("timeout", seconds)


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 4999])
def test_a_code_is_one_that_a_close_frame_carries(code):
    check_close(code, "é")


@pytest.mark.parametrize("code", [0, -1, 999, 1004, 1005, 1006, 1015, 2999, 5000, 10**9])
def test_another_code_is_a_value_error(code):
    with pytest.raises(ValueError, match=r"^code "):
        check_close(code, "")


@pytest.mark.parametrize(
    ("code", "reason", "error"),
    [
        ("1000", "", TypeError),
        (1000.0, "", TypeError),
        (True, "", TypeError),
        (None, "", TypeError),
        (1000, None, TypeError),
        (1000, b"", TypeError),
        (1000, "\ud800", ValueError),
    ],
)
def test_what_no_close_frame_carries_is_refused(code, reason, error):
    with pytest.raises(error, match=r"^(code|reason): must be"):
        check_close(code, reason)


def test_a_callback_can_be_called():
    check_callback(print)
    with pytest.raises(TypeError, match="must be callable, and a str is not"):
        check_callback("print")


@pytest.mark.parametrize(("text", "is_one"), [("", True), ("é", True), ("\ud800", False)])
def test_half_a_surrogate_is_no_utf8(text, is_one):
    assert is_utf8(text) is is_one
