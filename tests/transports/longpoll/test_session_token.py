from __future__ import annotations

import pytest

from actors import signing
from actors.results import Error
from transports.longpoll.token import SessionToken, decode, encode

SECRET = "a secret of the application, 32+ bytes"
NOW = 1_700_000_000.0
TOKEN = SessionToken("worker-1", "session-9", "lp:4f2a", 17)


def read(text: object, now: float = NOW) -> SessionToken | Error:
    return decode(SECRET, "endpoint", text, max_age=10, now=now)


def test_a_token_says_where_the_session_is_and_what_the_client_has() -> None:
    assert read(encode(SECRET, "endpoint", TOKEN, now=NOW)) == TOKEN


def test_another_endpoints_token_is_invalid() -> None:
    assert read(encode(SECRET, "other endpoint", TOKEN, now=NOW)) == Error("invalid")


@pytest.mark.parametrize(
    ("text", "reason"), [(None, "missing"), ("", "invalid"), (["x"], "invalid")]
)
def test_what_is_no_token_is_named(text: object, reason: str) -> None:
    assert read(text) == Error(reason)


@pytest.mark.parametrize(
    ("age", "result"), [(9.999, TOKEN), (10, TOKEN), (10.001, Error("expired"))]
)
def test_a_token_expires_after_max_age(age: float, result: object) -> None:
    assert read(encode(SECRET, "endpoint", TOKEN, now=NOW), NOW + age) == result


@pytest.mark.parametrize(
    ("early", "result"), [(59.999, TOKEN), (60, TOKEN), (60.001, Error("invalid"))]
)
def test_a_token_from_the_future_is_valid_within_the_skew_of_clocks(
    early: float, result: object
) -> None:
    assert read(encode(SECRET, "endpoint", TOKEN, now=NOW), NOW - early) == result


@pytest.mark.parametrize(
    "data",
    [
        {"not": "a session"},
        ["worker", "session", "topic"],
        ["worker", "session", "topic", -1],
        ["worker", "session", "topic", "1"],
        ["worker", "session", b"topic", 1],
        [1, "session", "topic", 1],
        [None, None, None, None],
    ],
)
def test_signed_data_that_is_no_session_is_invalid(data: object) -> None:
    assert read(signing.sign(SECRET, "endpoint", data, now=NOW)) == Error("invalid")
