"""Where a client connects to, and what it says of itself in the request."""

from __future__ import annotations

import base64
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.client.address import (
    TOKEN_PREFIX,
    Address,
    address_of,
    check_headers,
    check_host,
    query_of,
    subprotocols_of,
)
from actors.errors import ConfigError, ConnectFailed
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
        "ws://host:0/",
        "ws://user:secret@ho:st/",
        "ws://[::1/",
        "ws://ho st/",
        "ws://host/\r\n",
        "ws://hôst/",
    ],
)
def test_what_is_no_url_is_a_config_error(url):
    with pytest.raises(ConfigError, match=r"^url: ") as raised:
        address_of(url)
    assert "secret" not in str(raised.value)


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


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ("secret", TypeError),
        (["secret"], TypeError),
        ({"key": b"secret"}, TypeError),
        ({"key": ["secret", {"secret"}]}, TypeError),
        ({"key": "secret\ud800"}, ValueError),
        ({"a": {"key": "secret\ud800"}}, ValueError),
        ({"\ud800": "secret"}, ValueError),
    ],
)
def test_errors_of_parameters_have_no_values(params, error):
    with pytest.raises(error, match=r"^params: ") as raised:
        query_of(PLACE, params, "2.0.0")
    whole = "".join(traceback.format_exception(raised.value))
    assert "secret" not in whole.partition("actors/client/address.py")[2]
    assert raised.value.__context__ is None
    assert ("key" in str(raised.value)) == ("key" in str(params))


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


def test_a_token_that_is_no_utf8_is_a_value_error():
    with pytest.raises(ValueError, match=r"^auth_token: must be UTF-8$") as raised:
        subprotocols_of("secret\ud800")
    assert raised.value.__context__ is None


@pytest.mark.parametrize("host", ["a" * 64, "a..b", "b." + "a" * 64 + ".example"])
def test_a_host_that_has_no_name_is_not_looked_up(host):
    with pytest.raises(ConnectFailed, match="no host is called"):
        check_host(host)


@pytest.mark.parametrize("host", ["a" * 63, "::1", "example.com", "127.0.0.1"])
def test_a_host_has_a_name_or_an_address(host):
    check_host(host)


def test_headers_are_copied():
    given_ones = {"Origin": "https://example.com", "X-A": ""}
    kept = check_headers(given_ones)
    assert kept == given_ones
    assert kept is not given_ones


@pytest.mark.parametrize(
    "headers",
    [
        {"a b": "secret"},
        {"": "secret"},
        {"a": "secret\r\nc"},
        {"a": "secreté"},
        {"a": b"secret"},
        {1: "secret"},
        {"é": ""},
        {"Authorization: secret": ""},
        {"Host": "secret"},
        {"sec-websocket-protocol": "secret"},
        {"Sec-WebSocket-Key": "secret"},
        {"Transfer-Encoding": "secret"},
        {"Content-Length": "secret"},
        {"Connection": "secret"},
        {"UPGRADE": "secret"},
        {"Cookie": "secret", "cookie": "secret"},
        [("Cookie", "secret")],
        "secret",
        1,
    ],
)
def test_headers_that_no_request_carries_are_refused(headers):
    with pytest.raises(ConfigError, match=r"^headers: ") as raised:
        check_headers(headers)
    assert "secret" not in str(raised.value)
