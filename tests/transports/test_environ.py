"""Requests as WSGI environments, and back."""

from __future__ import annotations

import io

import pytest

from actors.errors import HTTPError
from transports.http.request import Request
from transports.wsgi.environ import from_request, headers_of, target_of, to_request

LOCAL = ("127.0.0.1", 4000)
PARSED = {
    "REQUEST_METHOD": "GET",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "10.0.0.1",
    "REMOTE_PORT": "9",
    "wsgi.url_scheme": "https",
}
HOST = ("Host", "example.com:81")


def environ_of(path="/", *headers, query="", method="GET", body=b""):
    target = f"{path}?{query}" if query else path
    request = Request(method, target, path, query, headers, body=body, peer=("10.0.0.1", 9))
    return from_request(request, LOCAL, io.StringIO())


@pytest.mark.parametrize(
    ("path", "decoded"),
    [
        ("/", "/"),
        ("/a%20b", "/a b"),
        ("/caf%C3%A9", "/caf\xc3\xa9"),
        ("/%2F%2f", "///"),
        ("/%zz%4", "/%zz%4"),
        ("/%00", "/\0"),
    ],
)
def test_a_path_is_decoded_to_bytes_as_latin_1(path, decoded):
    assert environ_of(path)["PATH_INFO"] == decoded


def test_the_query_and_the_target_stay_as_they_were():
    environ = environ_of("/%41", query="a=%20")
    assert (environ["QUERY_STRING"], environ["REQUEST_URI"]) == ("a=%20", "/%41?a=%20")


def test_addresses_are_text():
    environ = environ_of()
    names = ("SERVER_NAME", "SERVER_PORT", "REMOTE_ADDR", "REMOTE_PORT")
    assert [environ[name] for name in names] == ["127.0.0.1", "4000", "10.0.0.1", "9"]


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([("x-a", "1")], {"HTTP_X_A": "1"}),
        ([("x-a", "1"), ("x-a", "2")], {"HTTP_X_A": "1,2"}),
        ([("cookie", "a=1"), ("cookie", "b=2")], {"HTTP_COOKIE": "a=1; b=2"}),
        ([("content-type", "a/b")], {"CONTENT_TYPE": "a/b"}),
        ([("content-length", "0")], {"CONTENT_LENGTH": "0"}),
        ([("x_a", "1")], {}),
        ([("x_a", "1"), ("x-a", "2")], {"HTTP_X_A": "2"}),
        ([("transfer-encoding", "chunked")], {}),
    ],
)
def test_headers_become_variables(headers, found):
    environ = environ_of("/", *headers)
    given = {k: v for k, v in environ.items() if k.startswith(("HTTP_", "CONTENT_"))}
    assert given == found


def test_the_length_is_that_of_the_body():
    environ = environ_of("/", ("transfer-encoding", "chunked"), method="POST", body=b"abc")
    assert (environ["CONTENT_LENGTH"], environ["wsgi.input"].read()) == ("3", b"abc")


def test_an_environment_becomes_the_request_that_it_came_from():
    headers = [HOST, ("X-A", " 1\t"), ("x-a", "2")]
    request = to_request(PARSED, "/p%41?q=1", headers, b"body")
    assert (request.method, request.target) == ("GET", "/p%41?q=1")
    assert (request.path, request.query_string) == ("/p%41", "q=1")
    assert request.headers == (("host", "example.com:81"), ("x-a", "1"), ("x-a", "2"))
    assert (request.scheme, request.host, request.port) == ("https", "example.com", 81)
    assert (request.version, request.body, request.peer) == ("1.1", b"body", ("10.0.0.1", 9))


def test_a_server_that_knows_no_address_gives_an_empty_one():
    environ = {**PARSED, "REMOTE_ADDR": "", "REMOTE_PORT": ""}
    assert to_request(environ, "/", [HOST]).peer == ("", 0)


def test_http_1_0_may_lack_a_host():
    request = to_request({**PARSED, "SERVER_PROTOCOL": "HTTP/1.0"}, "/", [])
    assert (request.version, request.host, request.port) == ("1.0", "", 443)


@pytest.mark.parametrize(
    ("headers", "changed", "message"),
    [
        ([], {}, r"'host' header .* got \[\]"),
        ([HOST, HOST], {}, "'host' header"),
        ([("host", "a@b")], {}, "'host' header"),
        ([HOST, ("a b", "1")], {}, "'a b' is malformed"),
        ([HOST, ("a", "1\r\n 2")], {}, "'a' is malformed"),
        ([HOST, ("a", "\0")], {}, "'a' is malformed"),
        ([HOST, ("a", "\u20ac")], {}, "'a' is malformed"),
        ([HOST], {"SERVER_PROTOCOL": "HTTP/x"}, "version"),
        ([HOST], {"SERVER_PROTOCOL": "HTTP/1.10"}, "version"),
    ],
)
def test_what_is_no_request_is_400(headers, changed, message):
    with pytest.raises(HTTPError, match=message) as caught:
        to_request({**PARSED, **changed}, "/", headers)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("environ", "target"),
    [
        ({"PATH_INFO": "/a b"}, "/a%20b"),
        ({"SCRIPT_NAME": "/s", "PATH_INFO": "/p", "QUERY_STRING": "q=1"}, "/s/p?q=1"),
        ({"PATH_INFO": "/caf\xc3\xa9;x=1"}, "/caf%C3%A9;x=1"),
        ({}, ""),
    ],
)
def test_a_target_is_made_of_what_the_environment_holds(environ, target):
    assert target_of(environ) == target


def test_headers_are_found_in_an_environment():
    environ = {
        "HTTP_X_A": "1",
        "CONTENT_TYPE": "a/b",
        "CONTENT_LENGTH": "",
        "wsgi.version": (1, 0),
        "PATH_INFO": "/",
    }
    assert headers_of(environ) == (("x-a", "1"), ("content-type", "a/b"))
