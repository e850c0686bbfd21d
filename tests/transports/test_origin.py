from __future__ import annotations

from typing import Any

import pytest

from actors.errors import ConfigError
from transports.http.request import Request
from transports.opening.origin import OriginCheck, host_allowed
from transports.opening.uri import URI

WILD = ["https://*.ex.com", "http://*.ex.com"]
FOO = ["http://*.foo.example.com"]
MIXED = ["//example.com", "http://scheme.com", "//port.com:81"]
STRICT = ["//example.com", "//*.sub.example.com"]
LIST = [
    "https://secure.example",
    "http://port.example:8080",
    "//any.example:81",
    "//*.wild.example",
]
GOOD = ["https://good.com"]
ANY = ["//good.com"]


def host_is(uri: URI, host: str = "example.com") -> bool:
    return uri.host == host


def no_host(uri: URI) -> bool:
    return not uri.host


def request(*origins: str, scheme: str = "http", host: str = "example.com") -> Request:
    headers = tuple(("origin", origin) for origin in origins)
    port = {"http": 80, "https": 443}[scheme]
    return Request("GET", "/", "/", "", headers, scheme=scheme, host=host, port=port)


def refusal(setting: Any, *origins: str, scheme: str = "http", **given: Any) -> str | None:
    return OriginCheck(setting, **given).refusal(request(*origins, scheme=scheme), "/socket")


# fmt: off
ORIGINS: list[tuple[Any, str, bool]] = [
    # False
    (False, "/", True),
    (False, "file://", True),
    (False, "null", True),
    (False, "", True),
    # True: the host of the endpoint's url, here host.com
    (True, "https://host.com/", True),
    (True, "http://host.com:4000", True),
    (True, "https://another.com/", False),
    (True, "https://www.host.com", False),
    (True, "https://HOST.com", False),
    (True, "https://host.com.", False),
    (True, "host.com", False),
    (True, "file://", False),
    (True, "null", False),
    (True, "", False),
    # wildcards
    (WILD, "https://org1.ex.com", True),
    (WILD, "http://org1.ex.com", True),
    (WILD, "https://ex.com", True),
    (WILD, "https://org1.prefix-ex.com", False),
    (WILD, "https://a.ex.com:444", False),
    (FOO, "http://org1.foo.example.com", True),
    (FOO, "http://foo.example.com", True),
    (FOO, "http://bad.example.com", False),
    (FOO, "http://org1.prefix-foo.example.com", False),
    (FOO, "http://org1.bar.example.com", False),
    (FOO, "http://xfoo.example.com", False),
    (["//ex.com"], "http://org1.ex.com", False),
    (STRICT, "https://a.sub.example.com", True),
    (STRICT, "https://xsub.example.com", False),
    # lists: what an entry leaves out matches anything, a scheme stands for its port
    (STRICT, "https://example.com", True),
    (STRICT, "//example.com", True),
    (STRICT, "https://example.com/a/path", True),
    (STRICT, "https://EXAMPLE.com", False),
    (STRICT, "HTTPS://example.com", True),
    (STRICT, "https://www.example.com", False),
    (STRICT, "example.com", False),
    (STRICT, "null", False),
    (STRICT, "file://", False),
    (STRICT, "", False),
    (MIXED, "http://notallowed.com/", False),
    (MIXED, "http://example.com/", True),
    (MIXED, "http://scheme.com/", True),
    (MIXED, "https://scheme.com/", False),
    (MIXED, "http://scheme.com:8080/", False),
    (MIXED, "http://port.com:81/", True),
    (MIXED, "http://port.com:82/", False),
    (LIST, "https://secure.example", True),
    (LIST, "http://secure.example", False),
    (LIST, "https://secure.example:443", True),
    (LIST, "https://secure.example:444", False),
    (LIST, "http://port.example:8080", True),
    (LIST, "http://port.example", False),
    (LIST, "https://any.example:81", True),
    (LIST, "ws://any.example:81", True),
    (LIST, "http://any.example", False),
    (LIST, "https://deep.x.wild.example:9", True),
    (LIST, "https://wild.example", True),
    ([], "https://example.com", False),
    (("//example.com",), "https://example.com", True),
    # somebody who would like to look like good.com
    (GOOD, "https://good.com", True),
    (GOOD, "https://good.com.evil", False),
    (GOOD, "https://good.com@evil", False),
    (GOOD, "https://evil@good.com", False),
    (GOOD, "https://evil#good.com", False),
    (GOOD, "https://evil/good.com", False),
    (GOOD, "https://evil?https://good.com", False),
    (GOOD, "https://evil\\@good.com", False),
    (GOOD, "https://good.com\\.evil", False),
    (GOOD, "https://good.com:443", True),
    (GOOD, "https://good.com:0443", True),
    (GOOD, "https://good.com:", False),
    (GOOD, "https://good.com:80", False),
    (GOOD, "https://good.com:443:443", False),
    (GOOD, "https://good.com:65979", False),
    (GOOD, "https://good.com:+443", False),
    (GOOD, "http://good.com:443", False),
    (GOOD, "wss://good.com", False),
    (GOOD, "https://good.com.", False),
    (GOOD, "https://GOOD.COM", False),
    (GOOD, "https://notgood.com", False),
    (GOOD, "https://good.com%00.evil", False),
    (GOOD, "https://good.com https://evil", False),
    (GOOD, "https://good.com, https://evil", False),
    (GOOD, "https:good.com", False),
    (GOOD, "https:///good.com", False),
    (GOOD, "//", False),
    (GOOD, "https://", False),
    (GOOD, "https://g\u043e\u043ed.com", False),
    (GOOD, "https://xn--good-.com", False),
    (ANY, "//good.com", True),
    (ANY, "anything://good.com:1", True),
    (ANY, "good.com", False),
    (["//xn--bcher-kva.example"], "https://xn--bcher-kva.example", True),
    (["//xn--bcher-kva.example"], "https://b\xfccher.example", False),
    (["http://[::1]:4000"], "http://[::1]:4000", True),
    (["http://[::1]:4000"], "http://[::1]", False),
    # callables
    (host_is, "http://example.com/", True),
    (host_is, "http://notallowed.com/", False),
    ((host_is, "host.com"), "https://host.com/", True),
    ((host_is, "host.com"), "http://notallowed.com/", False),
    ((host_is,), "http://example.com/", True),
    (no_host, "/", True),
    (no_host, "file://", True),
    (no_host, "null", True),
    (no_host, "", True),
    (no_host, "http://example.com", False),
]
# fmt: on


@pytest.mark.parametrize(("setting", "origin", "allowed"), ORIGINS)
def test_an_origin_is_allowed_or_not(setting: Any, origin: str, allowed: bool) -> None:
    assert (refusal(setting, origin, url_host="host.com") is None) is allowed


@pytest.mark.parametrize(
    ("scheme", "origin", "allowed"),
    [
        ("http", "http://example.com", True),
        ("http", "http://example.com:80", True),
        ("http", "https://example.com", False),
        ("http", "ws://example.com", False),
        ("http", "wss://example.com", False),
        ("http", "//example.com", False),
        ("http", "http://example.com:8080", False),
        ("http", "http://www.example.com", False),
        ("http", "http://www.another.com", False),
        ("http", "null", False),
        ("https", "https://example.com", True),
        ("https", "http://example.com", False),
        ("https", "https://example.com:4000", False),
    ],
)
def test_conn_wants_the_scheme_host_and_port_of_the_request(
    scheme: str, origin: str, allowed: bool
) -> None:
    assert (refusal("conn", origin, scheme=scheme) is None) is allowed


def test_conn_never_takes_an_origin_without_host_for_a_request_without_host() -> None:
    nameless = request("http://", host="")
    assert OriginCheck("conn").refusal(nameless, "/") is not None


@pytest.mark.parametrize(("origin", "allowed"), [("http://any.where", True), ("null", False)])
def test_true_without_a_url_host_takes_any_host(origin: str, allowed: bool) -> None:
    assert (refusal(True, origin) is None) is allowed


@pytest.mark.parametrize("setting", [True, False, "conn", STRICT, host_is])
def test_no_origin_at_all_is_allowed_unless_it_is_required(setting: Any) -> None:
    assert refusal(setting) is None
    required = refusal(setting, require_origin=True)
    assert required is not None
    assert "require_origin=False" in required


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ([], False),
        ([("origin", "https://example.com")], True),
        ([("origin", "https://evil.test")], False),
        ([("origin", "https://evil.test"), ("sec-fetch-site", "same-origin")], False),
        ([("sec-fetch-site", "same-origin")], True),
        ([("sec-fetch-site", "same-site")], False),
        ([("sec-fetch-site", "cross-site")], False),
        ([("sec-fetch-site", "none")], False),
        ([("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")], False),
    ],
)
def test_same_site_wants_an_origin_or_the_browsers_word(headers: Any, allowed: bool) -> None:
    asked = Request("GET", "/x", "/x", "", tuple(headers), host="example.com")
    check = OriginCheck(["//example.com"], same_site=True)
    told = check.refusal(asked, "/x")
    assert (told is None) == allowed
    if not headers:
        assert "neither an Origin header nor Sec-Fetch-Site: same-origin" in str(told)


def test_same_site_cannot_be_had_with_any_origin() -> None:
    with pytest.raises(ConfigError, match="check_origin=False: any page on the web could act"):
        OriginCheck(False, same_site=True)


def test_a_required_origin_is_not_made_up_for_by_the_browsers_word() -> None:
    asked = Request("GET", "/x", "/x", "", (("sec-fetch-site", "same-origin"),))
    check = OriginCheck(["//example.com"], require_origin=True, same_site=True)
    assert "without an Origin header" in str(check.refusal(asked, "/x"))


@pytest.mark.parametrize("setting", [True, "conn", STRICT, lambda _: True])
@pytest.mark.parametrize("second", ["https://evil.test", "https://example.com"])
def test_two_origin_headers_are_refused(setting: Any, second: str) -> None:
    text = refusal(setting, "https://example.com", second)
    assert text is not None
    assert "2 Origin headers" in text


def test_two_mounts_of_one_socket_have_their_own_lists() -> None:
    one, other = OriginCheck(["//a.example"]), OriginCheck(["//b.example"])
    for _ in range(2):
        assert one.refusal(request("https://a.example"), "/a") is None
        assert other.refusal(request("https://b.example"), "/b") is None
        assert one.refusal(request("https://b.example"), "/a") is not None
        assert other.refusal(request("https://a.example"), "/b") is not None


@pytest.mark.parametrize(
    ("setting", "option"),
    [
        (["//a.example"], "check_origin=['//a.example', '//evil.test']"),
        (True, "check_origin=['//host.com', '//evil.test']"),
        ("conn", "check_origin=['//evil.test']"),
        (host_is, "check_origin=['//evil.test']"),
        ((host_is, "host.com"), "check_origin=['//evil.test']"),
    ],
)
def test_a_refusal_shows_the_option_that_would_allow_the_origin(setting: Any, option: str) -> None:
    text = refusal(setting, "https://evil.test", url_host="host.com")
    assert text is not None
    assert text.startswith("/socket: refused the origin 'https://evil.test'")
    assert text.endswith(f"the option {option}.")


def test_the_option_that_a_refusal_shows_does_allow_the_origin() -> None:
    text = refusal(True, "https://other.test:81", url_host="host.com")
    assert text is not None
    assert "check_origin=['//host.com', '//other.test']" in text
    assert refusal(["//host.com", "//other.test"], "https://other.test:81") is None


@pytest.mark.parametrize("origin", ["null", "file://", ""])
def test_a_refusal_of_an_origin_without_host_says_that_only_a_function_helps(origin: str) -> None:
    text = refusal(STRICT, origin)
    assert text is not None
    assert f"the origin {origin!r}" in text
    assert text.endswith("the option check_origin=function, which gets the parsed origin.")


def test_a_refusal_shows_little_of_a_long_origin_and_nothing_raw() -> None:
    text = refusal(STRICT, "null\x1b[31m" + "x" * 8000)
    assert text is not None
    assert len(text) < 600
    assert text.isprintable()


@pytest.mark.parametrize("setting", ["//example.com", "con", None, 7, {"//a"}, object()])
def test_what_is_none_of_the_forms_is_a_config_error(setting: Any) -> None:
    with pytest.raises(ConfigError, match="must be True, False, 'conn', a list of origins"):
        OriginCheck(setting)


@pytest.mark.parametrize(
    "entry", ["example.com", "*.example.com", "https://", "//", "//b\xfccher.example", "//*.", ""]
)
def test_an_entry_whose_host_cannot_be_compared_is_a_config_error(entry: str) -> None:
    with pytest.raises(ConfigError, match="has no host that can be compared"):
        OriginCheck([entry])


def test_an_entry_that_is_no_text_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="must be a str such as"):
        OriginCheck([("https", "example.com")])


def test_a_callable_gets_the_parsed_origin_before_its_arguments() -> None:
    seen: list[tuple[object, ...]] = []
    refusal((lambda *given: seen.append(given), 1, 2), "https://a.example:8443")
    assert seen == [(URI("https", "a.example", 8443), 1, 2)]


@pytest.mark.parametrize(
    ("allowed", "host", "ok"),
    [
        (None, "anything", True),
        (["example.com"], "example.com", True),
        (["example.com"], "EXAMPLE.com", True),
        (["Example.com"], "example.com", True),
        (["example.com"], "www.example.com", False),
        (["example.com"], "evil.test", False),
        (["example.com"], "", False),
        (["*.example.com"], "a.example.com", True),
        (["*.example.com"], "example.com", True),
        (["*.example.com"], "badexample.com", False),
        (["a", "b"], "b", True),
        ([], "a", False),
    ],
)
def test_only_hosts_that_are_ours_are_allowed(
    allowed: list[str] | None, host: str, ok: bool
) -> None:
    assert host_allowed(allowed, host) is ok
