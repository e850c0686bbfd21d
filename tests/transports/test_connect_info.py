from __future__ import annotations

from typing import Any

import pytest

from actors.errors import ConfigError, HTTPError
from transports import session
from transports.connect_info import Source, collect, compile_fields
from transports.request import Request
from transports.session import SessionOptions
from transports.uri import URI

SECRET = "a secret of the application, 32+ bytes"
SESSION = SessionOptions(signing_salt="session", key="_app")
NOW = 1_700_000_000.0


def request(*headers: tuple[str, str], query: str = "token=ok") -> Request:
    return Request(
        "GET",
        f"/strict/websocket?{query}",
        "/strict/websocket",
        query,
        headers,
        host="named.example",
        port=1234,
        peer=("127.0.0.1", 50_000),
    )


def info(setting: Any, asked: Request | None = None, **given: Any) -> dict[str, Any]:
    source = Source(request=asked or request(), now=NOW, secrets=SECRET, **given)
    return collect(compile_fields(setting), source)


def test_nothing_asked_is_nothing_told() -> None:
    assert info(()) == {}


def test_peer_data_is_address_port_and_certificate() -> None:
    plain = {"address": "127.0.0.1", "port": 50_000, "ssl_cert": None}
    assert info(["peer_data"]) == {"peer_data": plain}
    assert info(["peer_data"], ssl_cert=b"DER")["peer_data"]["ssl_cert"] == b"DER"


def test_uri_is_that_of_the_request_with_the_scheme_of_the_transport() -> None:
    wanted = URI("http", "named.example", 1234, "/strict/websocket", "token=ok")
    assert info(["uri"]) == {"uri": wanted}


def test_user_agent_is_the_header_or_none() -> None:
    assert info(["user_agent"]) == {"user_agent": None}
    assert info(["user_agent"], request(("user-agent", "foo/1.0"))) == {"user_agent": "foo/1.0"}


def test_trace_context_headers_are_those_two() -> None:
    asked = request(("tracestate", "b=2"), ("traceparent", "00-1"), ("x-trace", "no"))
    assert info(["trace_context_headers"], asked) == {
        "trace_context_headers": [("traceparent", "00-1"), ("tracestate", "b=2")]
    }


def test_x_headers_are_sorted_and_repeated_ones_joined() -> None:
    asked = request(("x-two", "a"), ("host", "h"), ("x-one", "b"), ("x-two", "c"), ("xx", "no"))
    assert info(["x_headers"], asked) == {"x_headers": [("x-one", "b"), ("x-two", "a, c")]}
    assert info(["x_headers"]) == {"x_headers": []}


def test_auth_token_is_that_of_the_subprotocols_or_of_the_header() -> None:
    with_header = request(("x-phoenix-authtoken", "header"))
    assert info(["auth_token"]) == {"auth_token": None}
    assert info(["auth_token"], with_header) == {"auth_token": "header"}
    assert info(["auth_token"], auth_token="offered") == {"auth_token": "offered"}
    assert info(["auth_token"], with_header, auth_token="") == {"auth_token": ""}


def test_any_other_pair_is_handed_over_as_it_is() -> None:
    value = object()
    assert info([("signing_salt", "salt"), ("uri", value)]) == {
        "signing_salt": "salt",
        "uri": value,
    }


def cookie_and_token() -> tuple[tuple[str, str], str]:
    set_cookie, csrf = session.issue(
        SESSION, SECRET, {"from_session": "123"}, random_bytes=lambda n: b"r" * n, now=NOW
    )
    return ("cookie", set_cookie.partition(";")[0]), csrf


@pytest.mark.parametrize("options", [SESSION, lambda: SESSION])
def test_session_is_that_of_the_cookie_with_its_csrf_token(options: object) -> None:
    cookie, csrf = cookie_and_token()
    asked = request(cookie, query=f"_csrf_token={csrf}")
    told = info([("session", options)], asked)["session"]
    assert told["from_session"] == "123"
    assert "_csrf_token" in told


def test_session_is_none_without_cookie_or_with_a_wrong_csrf_token() -> None:
    cookie, csrf = cookie_and_token()
    asking = [("session", SESSION)]
    assert info(asking, request(query=f"_csrf_token={csrf}")) == {"session": None}
    assert info(asking, request(cookie, query="_csrf_token=bad")) == {"session": None}
    assert info(asking, request(cookie, query="_csrf_token[]=x")) == {"session": None}
    assert info(asking, request(cookie, query="")) == {"session": None}


def test_session_needs_no_csrf_token_where_the_mount_does_not_check_it() -> None:
    cookie, _ = cookie_and_token()
    told = info([("session", SESSION)], request(cookie), check_csrf=False)["session"]
    assert told["from_session"] == "123"


def test_a_query_that_cannot_be_parsed_is_refused_where_the_session_needs_it() -> None:
    with pytest.raises(HTTPError):
        info([("session", SESSION)], request(query="a=%ff"))


def test_every_key_can_be_asked_at_once_in_any_order() -> None:
    keys = ["user_agent", "uri", "x_headers", "trace_context_headers", "peer_data"]
    assert list(info(keys)) == keys


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (["peer_dat"], "unknown key 'peer_dat' .did you mean 'peer_data'"),
        (["zzz"], "unknown key 'zzz' .known: auth_token, peer_data, session"),
        ([7], "unknown key 7"),
        ([("a", 1, 2)], "unknown key"),
        ([(1, 2)], "unknown key"),
        (["session"], "write .'session', SessionOptions"),
        ([("session", {"key": "x"})], "must be SessionOptions"),
        ("peer_data", "must be a list, such as"),
        (None, "must be a list"),
        (7, "must be a list"),
    ],
)
def test_a_key_that_is_none_is_a_config_error(setting: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        compile_fields(setting)
