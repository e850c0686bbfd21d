from __future__ import annotations

import time

import pytest

from transports.opening.uri import URI, parse


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("", URI()),
        ("null", URI(path="null")),
        ("example.com", URI(path="example.com")),
        ("file://", URI("file", "")),
        ("http://example.com", URI("http", "example.com", 80)),
        ("https://example.com/", URI("https", "example.com", 443, "/")),
        ("ws://example.com", URI("ws", "example.com", 80)),
        ("WSS://Example.com", URI("wss", "Example.com", 443)),
        ("//example.com:81", URI(None, "example.com", 81)),
        ("capacitor://localhost", URI("capacitor", "localhost")),
        ("http://[::1]:4000", URI("http", "[::1]", 4000)),
        ("http://a/b?c=d#e", URI("http", "a", 80, "/b", "c=d")),
        ("http://a?#", URI("http", "a", 80, "", "")),
        ("http://a#b", URI("http", "a", 80)),
        ("http://a:65535", URI("http", "a", 65535)),
    ],
)
def test_a_uri_is_taken_apart(text: str, uri: URI) -> None:
    assert parse(text) == uri


@pytest.mark.parametrize(
    "text",
    [
        "http://user@good.com",
        "http://good.com@evil.com",
        "http://good.com:80@evil.com",
        "http://good.com:",
        "http://good.com:x",
        "http://good.com:-1",
        "http://good.com:65536",
        "http://good.com:999999",
        "http://good.com\\@evil.com",
        "http://good.com evil.com",
        "http://good.com, http://evil.com",
        "http://good.com\x00.evil.com",
        "http://b\u00fccher.example",
        "http://[::1",
        "http://[::1]x",
        "http://a:1:2",
    ],
)
def test_an_authority_that_is_not_host_and_port_names_no_host(text: str) -> None:
    uri = parse(text)
    assert (uri.host, uri.port) == (None, None)


def test_text_that_is_no_uri_at_all_is_empty() -> None:
    assert parse("http://a#\nb") == URI()


@pytest.mark.parametrize("text", ["a" * 8000, "a:" * 4000, "http://" + "a." * 4000 + ":"])
def test_parsing_takes_linear_time(text: str) -> None:
    start = time.process_time()
    for _ in range(20):
        parse(text)
    assert (time.process_time() - start) / 20 < 0.005
