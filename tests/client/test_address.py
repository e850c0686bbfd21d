"""Where a client connects to, and what it says of itself in the request."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.client.address import (
    TOKEN_PREFIX,
    Address,
    address_of,
    check_headers,
    query_of,
    subprotocols_of,
)
from actors.errors import ConfigError
from transports.http.query import pure_parse_query as parse
from transports.opening.subprotocols import negotiate

PLACE = Address(False, "host", 80, "/socket/websocket", "")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://host/socket", PLACE),
        ("ws://host/socket/", PLACE),
        ("http://host:80/socket", PLACE),
        ("wss://host/socket", Address(True, "host", 443, "/socket/websocket", "")),
        ("https://HOST:4/a%20b", Address(True, "host", 4, "/a%20b/websocket", "")),
        ("ws://[::1]:4000/socket", Address(False, "::1", 4000, "/socket/websocket", "")),
        ("ws://host", Address(False, "host", 80, "/websocket", "")),
        ("ws://host/s?a=1", Address(False, "host", 80, "/s/websocket", "a=1")),
    ],
)
def test_a_url_is_one_of_phoenix_js(url, address):
    assert address_of(url) == address


@pytest.mark.parametrize(
    "url",
    [
        None,
        b"ws://host",
        "",
        "host/socket",
        "/socket",
        "ftp://host/",
        "ws://",
        "ws:///socket",
        "ws://user@host/",
        "ws://user:secret@host/",
        "ws://host/#a",
        "ws://host:99999/",
        "ws://host:a/",
        "ws://[::1/",
        "ws://ho st/",
        "ws://host/\r\n",
        "ws://hôst/",
    ],
)
def test_what_is_no_url_is_a_config_error(url):
    with pytest.raises(ConfigError, match=r"^url: "):
        address_of(url)


@pytest.mark.parametrize(
    ("params", "query"),
    [
        (None, "vsn=2.0.0"),
        ({}, "vsn=2.0.0"),
        ({"user": "ada"}, "user=ada&vsn=2.0.0"),
        ({"a": {"b": {"c": 1}}}, "a%5Bb%5D%5Bc%5D=1&vsn=2.0.0"),
        ({"a": [1, 2.5]}, "a%5B%5D=1&a%5B%5D=2.5&vsn=2.0.0"),
        ({"a": True, "b": False, "c": None}, "a=true&b=false&c=&vsn=2.0.0"),
        ({"a b&": "é /?"}, "a%20b%26=%C3%A9%20%2F%3F&vsn=2.0.0"),
    ],
)
def test_parameters_nest_as_in_phoenix_js(params, query):
    assert query_of(PLACE, params, "2.0.0") == query


def test_the_query_of_the_url_comes_first():
    assert query_of(PLACE._replace(query="a=1"), {"b": 2}, "2.0.0") == "a=1&b=2&vsn=2.0.0"


def test_our_server_reads_them_as_they_were():
    params = {"user": {"name": "é&="}, "tags": ["a", "b"]}
    assert parse(query_of(PLACE, params, "2.0.0")) == {**params, "vsn": "2.0.0"}


@pytest.mark.parametrize("params", ["a=1", [("a", 1)], {"a": object()}, {"a": [{}]}, {"a": b"x"}])
def test_what_no_query_carries_is_a_type_error(params):
    with pytest.raises(TypeError, match="params"):
        query_of(PLACE, params, "2.0.0")


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=50))
def test_a_token_is_what_our_server_reads(token):
    offered = subprotocols_of(token)
    assert negotiate(None, [", ".join(offered)], auth_token=True) == ("phoenix", token)


def test_a_token_is_in_the_standard_alphabet_without_padding():
    phoenix, encoded = subprotocols_of("tok?>~")
    assert (phoenix, encoded) == ("phoenix", TOKEN_PREFIX + "dG9rPz5+")
    assert base64.b64decode(subprotocols_of("a")[1].removeprefix(TOKEN_PREFIX) + "==") == b"a"


def test_without_a_token_nothing_is_offered():
    assert subprotocols_of(None) is None


@pytest.mark.parametrize("token", ["", b"token", 1])
def test_what_is_no_token_is_a_type_error(token):
    with pytest.raises(TypeError, match="auth_token"):
        subprotocols_of(token)


def test_headers_are_copied():
    given_ones = {"Origin": "https://example.com", "X-A": ""}
    kept = check_headers(given_ones)
    assert kept == given_ones
    assert kept is not given_ones


@pytest.mark.parametrize(
    "headers", [{"a b": "c"}, {"": "c"}, {"a": "b\r\nc"}, {"a": "é"}, {"a": 1}, {1: "a"}, {"é": ""}]
)
def test_headers_that_no_request_carries_are_refused(headers):
    with pytest.raises(ConfigError, match=r"^headers: "):
        check_headers(headers)
