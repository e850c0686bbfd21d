from __future__ import annotations

import pytest

from actors.errors import HTTPError
from transports.http.request import Request, parse_host


def request(*headers: tuple[str, str], query: str = "", version: str = "1.1") -> Request:
    return Request("GET", f"/a?{query}", "/a", query, headers, version=version)


def test_header_answers_the_first_value_and_headers_named_all() -> None:
    asked = request(("x-a", "1"), ("x-b", "2"), ("x-a", "3"))
    assert asked.header("x-a") == "1"
    assert asked.header("x-b") == "2"
    assert asked.header("x-c") is None
    assert asked.headers_named("x-a") == ["1", "3"]
    assert asked.headers_named("x-c") == []


def test_params_are_parsed_at_the_first_call_and_kept() -> None:
    asked = request(query="a[b]=1")
    assert asked.params == {"a": {"b": "1"}}
    assert asked.params is asked.params


def test_params_of_a_bad_query_are_400() -> None:
    with pytest.raises(HTTPError) as caught:
        request(query="a=%ff").params  # noqa: B018 - reading is what raises
    assert caught.value.status == 400


def test_repr_shows_no_secret() -> None:
    asked = request(("cookie", "sentinel"), query="token=sentinel")
    assert "sentinel" not in repr(asked)
    assert repr(asked) == "<Request GET /a>"


@pytest.mark.parametrize(
    ("version", "values", "keep_alive"),
    [
        ("1.1", [], True),
        ("1.1", ["close"], False),
        ("1.1", ["Close"], False),
        ("1.1", ["keep-alive, \tclose "], False),
        ("1.1", ["Upgrade", "close"], False),
        ("1.1", ["closed"], True),
        ("1.1", ["keep-alive, Upgrade"], True),
        ("1.0", [], False),
        ("1.0", ["keep-alive"], False),
    ],
)
def test_keep_alive(version: str, values: list[str], keep_alive: bool) -> None:
    headers = [("connection", value) for value in values]
    assert request(*headers, version=version).keep_alive is keep_alive


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("a", ("a", 80)),
        ("EXAMPLE.com", ("EXAMPLE.com", 80)),
        ("a:4000", ("a", 4000)),
        ("a:0", ("a", 0)),
        ("a:65534", ("a", 65534)),
        ("a:65535", ("a", 65535)),
        ("a:65536", None),
        ("a:99999", None),
        ("a:100000", None),
        ("a:", None),
        ("a:+1", None),
        ("a: 1", None),
        ("a:1:2", None),
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]", ("[::1]", 80)),
        ("[::1]:81", ("[::1]", 81)),
        ("[::1", None),
        ("::1", None),
        ("[::1]x", None),
        ("[]", None),
        ("my_host-1.x", ("my_host-1.x", 80)),
        ("a@b", None),
        ("a/b", None),
        ("a?b", None),
        ("a#b", None),
        ("a b", None),
        ("a,b", None),
        ("\xe9", None),
        ("", None),
    ],
)
def test_host_header(value: str, parsed: tuple[str, int] | None) -> None:
    assert parse_host(value, "http") == parsed


def test_port_without_one_is_that_of_the_scheme() -> None:
    assert parse_host("a", "https") == ("a", 443)
