from __future__ import annotations

from typing import Any

import pytest

from actors.errors import ConfigError, HTTPError
from actors.messages import ConnectInfo
from transports.http.request import Request
from transports.opening import cookie_session as session
from transports.opening.connect_info import Source, collect, compile_fields, needs_same_site
from transports.opening.cookie_session import SessionOptions
from transports.opening.host_session import DjangoSession
from transports.opening.uri import URI

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


def test_cookies_are_told_by_name_and_their_text_shows_no_value() -> None:
    asked = request(("cookie", "a=1; session=secret"), ("cookie", "a=2"))
    told = info(["cookies"], asked)["cookies"]
    assert told == {"a": "1", "session": "secret"}
    assert "secret" not in f"{told} {told!r}"
    assert info(["cookies"]) == {"cookies": {}}


def test_named_headers_are_sorted_and_repeated_ones_joined() -> None:
    asked = request(("b", "1"), ("a", "2"), ("c", "no"), ("b", "3"))
    assert info([("headers", ["B", "a", "absent"])], asked)["headers"] == [
        ("a", "2"),
        ("b", "1, 3"),
    ]


def test_the_session_of_a_host_is_what_its_reader_says() -> None:
    class Reader:
        def read(self, request: Request) -> dict[str, Any] | None:
            return {"user": request.header("cookie")}

    assert info([("session", Reader())], request(("cookie", "x"))) == {"session": {"user": "x"}}


@pytest.mark.parametrize(
    ("setting", "needed"),
    [
        (["cookies"], True),
        ([("headers", ["cookie"])], True),
        ([("session", DjangoSession())], True),
        ([("session", SESSION), "uri"], False),
        ([("session", lambda: SESSION)], False),
        (["x_headers", ("cookies", 1)], False),
        ((), False),
        (None, False),
    ],
)
def test_what_browsers_send_by_themselves_needs_a_page_of_ours(setting: Any, needed: bool) -> None:
    assert needs_same_site(setting) == needed


def test_the_text_of_what_connect_is_told_shows_no_secret() -> None:
    told = ConnectInfo(None, "websocket", {"token": "s3cret"}, None, {"uri": "s3cret"})
    assert "s3cret" not in repr(told)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        (["headers"], "write .'headers', .'authorization'.."),
        ([("headers", "cookie")], "headers='cookie': must be a list of names"),
        ([("headers", [b"cookie"])], "must be a list of names"),
        ([("session", DjangoSession)], "must be SessionOptions"),
        (["peer_dat"], "unknown key 'peer_dat' .did you mean 'peer_data'"),
        (["zzz"], "unknown key 'zzz' .known: auth_token, cookies, headers, peer_data"),
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
