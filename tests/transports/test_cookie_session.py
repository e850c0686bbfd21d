from __future__ import annotations

import itertools
from typing import Any

import pytest

from actors import signing
from actors.errors import ConfigError
from transports.opening.cookie_session import SessionOptions, checked, issue, mask_csrf, read

SECRET = "a secret of the application, 32+ bytes"
OPTIONS = SessionOptions(signing_salt="session", key="_app")
NOW = 1_700_000_000.0
STATE = "c3RhdGUtc3RhdGUtc3RhdGUt"


def randomness() -> Any:
    counter = itertools.count(1)
    return lambda size: bytes([next(counter)]) * size


def page(options: SessionOptions = OPTIONS, **data: Any) -> tuple[str, str]:
    """Return the Cookie header and the CSRF token that a browser has of a page of ours."""
    set_cookie, csrf = issue(options, SECRET, data, random_bytes=randomness(), now=NOW)
    return set_cookie.partition(";")[0], csrf


def load(
    options: SessionOptions, secrets: Any, cookies: list[str], csrf: object, *, now: float
) -> dict[str, Any] | None:
    return checked(options, read(options, secrets, cookies, now=now), csrf)


def connect(cookie: str, csrf: object) -> dict[str, Any] | None:
    return load(OPTIONS, SECRET, [cookie], csrf, now=NOW)


def test_a_page_of_ours_connects_with_its_session() -> None:
    cookie, csrf = page(from_session="123")
    session = connect(cookie, csrf)
    assert session is not None
    assert session["from_session"] == "123"
    assert len(session["_csrf_token"]) == 24


def test_each_page_gets_another_token_for_the_same_session() -> None:
    cookie, one = page(_csrf_token=STATE)
    other = mask_csrf(STATE, b"another mask of 18")
    assert one != other
    assert connect(cookie, one) == connect(cookie, other) == {"_csrf_token": STATE}


@pytest.mark.parametrize("unusable", [None, 7, "short", STATE + "=", "\u00fc" * 24])
def test_csrf_state_that_we_did_not_make_is_replaced(unusable: object) -> None:
    cookie, csrf = page(_csrf_token=unusable)
    session = connect(cookie, csrf)
    assert session is not None
    assert session["_csrf_token"] != unusable


@pytest.mark.parametrize(
    "csrf",
    [None, "", "bad", STATE, ["x"], {"a": "b"}, "A" * 48, "\u00fc" * 48, "A" * 47 + "=", "A" * 44],
)
def test_a_wrong_csrf_token_hides_the_session(csrf: object) -> None:
    cookie, _ = page(user=1)
    assert connect(cookie, csrf) is None


def test_the_csrf_token_of_another_session_hides_this_one() -> None:
    cookie, _ = page(_csrf_token=STATE)
    _, other = page(_csrf_token=STATE.replace("c", "d"))
    assert connect(cookie, other) is None


@pytest.mark.parametrize("key", ["_csrf_token", "_custom_csrf_token"])
def test_csrf_token_key_is_the_key_inside_the_session(key: str) -> None:
    options = SessionOptions(signing_salt="session", key="_app", csrf_token_key=key)
    cookie, csrf = page(options)
    assert load(options, SECRET, [cookie], csrf, now=NOW) is not None
    other = SessionOptions(signing_salt="session", key="_app", csrf_token_key="bad_key")
    assert load(other, SECRET, [cookie], csrf, now=NOW) is None


@pytest.mark.parametrize(
    "cookies",
    [
        [],
        [""],
        ["other=1"],
        ["_app"],
        ["_app="],
        ["_app=garbage"],
        ["_app=" + "x" * 5000],
        ["x_app={token}"],
        ["_APP={token}"],
        ["_app={token}x"],
        ["_app=x; _app={token}"],
    ],
)
def test_no_cookie_of_ours_means_no_session(cookies: list[str]) -> None:
    token = page()[0].partition("=")[2]
    assert read(OPTIONS, SECRET, [c.format(token=token) for c in cookies], now=NOW) is None


@pytest.mark.parametrize("cookies", ["{}", "a=1; {}; b=2", "a=1;{}", " {} "])
def test_the_cookie_is_found_among_others(cookies: str) -> None:
    cookie, _ = page(user=1)
    session = read(OPTIONS, SECRET, [cookies.format(cookie)], now=NOW)
    assert session is not None
    assert session["user"] == 1


def test_the_cookie_is_found_in_a_second_header() -> None:
    cookie, _ = page(user=1)
    assert read(OPTIONS, SECRET, ["a=1", cookie], now=NOW) is not None


def test_a_token_that_holds_no_session_is_none() -> None:
    token = signing.sign(SECRET, "session", ["not a session"], now=NOW)
    assert read(OPTIONS, SECRET, [f"_app={token}"], now=NOW) is None


def test_a_token_of_another_salt_is_none() -> None:
    cookie, _ = page()
    other = SessionOptions(signing_salt="another", key="_app")
    assert read(other, SECRET, [cookie], now=NOW) is None


@pytest.mark.parametrize(("age", "alive"), [(9, True), (10, True), (11, False)])
def test_a_session_ends_after_max_age(age: float, alive: bool) -> None:
    options = SessionOptions(signing_salt="session", max_age=10)
    cookie, _ = page(options)
    assert (read(options, SECRET, [cookie], now=NOW + age) is not None) is alive
    forever = SessionOptions(signing_salt="session")
    assert read(forever, SECRET, [cookie], now=NOW + 1e9) is not None


def test_the_cookie_is_kept_from_scripts_and_other_sites() -> None:
    set_cookie, _ = issue(OPTIONS, SECRET, {}, random_bytes=randomness(), now=NOW)
    assert set_cookie.split("; ")[1:] == ["path=/", "HttpOnly", "SameSite=Lax"]


def test_the_cookie_has_the_attributes_of_the_options() -> None:
    options = SessionOptions(
        signing_salt="s", path="/app", same_site="Strict", max_age=60.5, secure=True
    )
    set_cookie, _ = issue(options, SECRET, {}, random_bytes=randomness(), now=NOW)
    assert set_cookie.endswith("; path=/app; HttpOnly; SameSite=Strict; max-age=60; secure")


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"signing_salt": ""},
        {"signing_salt": None},
        {"signing_salt": "s", "key": "a b"},
        {"signing_salt": "s", "key": ""},
        {"signing_salt": "s", "key": None},
        {"signing_salt": "s", "key": "a\r\n"},
        {"signing_salt": "s", "path": "/a;b"},
        {"signing_salt": "s", "path": "a"},
        {"signing_salt": "s", "path": "/a\n"},
        {"signing_salt": "s", "max_age": 0},
        {"signing_salt": "s", "max_age": "1"},
        {"signing_salt": "s", "same_site": "lax"},
        {"signing_salt": "s", "secure": 1},
        {"signing_salt": "s", "csrf_token_key": None},
    ],
)
def test_options_that_make_no_cookie_are_config_errors(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="must be"):
        SessionOptions(**given)
