"""What the URL of a Redis may be, and that no message shows it."""

from __future__ import annotations

import pytest

from actors import ConfigError, Endpoint, RedisOptions
from actors.redis_options import TLS, Address, address, redis_options

SECRET = "s3cret-pass"


@pytest.mark.parametrize(("url", "wanted"), [
    ("redis://localhost", Address("localhost", 6379, "", "", "", 0, None)),
    ("redis://10.0.0.1:7000/3", Address("10.0.0.1", 7000, "", "", "", 3, None)),
    ("redis://h?db=4", Address("h", 6379, "", "", "", 4, None)),
    ("redis://:pw@[::1]:1", Address("::1", 1, "", "", "pw", 0, None)),
    ("redis://me:p%40%2F%23@h", Address("h", 6379, "", "me", "p@/#", 0, None)),
    ("unix:///run/r.sock", Address("", 6379, "/run/r.sock", "", "", 0, None)),
    ("unix://me:pw@/run/a%20b?db=2", Address("", 6379, "/run/a b", "me", "pw", 2, None)),
    ("rediss://h", Address("h", 6379, "", "", "", 0, TLS(None, None, None, True, True))),
    (
        "rediss://h?ssl_ca_certs=/ca&ssl_certfile=/c&ssl_keyfile=/k&ssl_check_hostname=False",
        Address("h", 6379, "", "", "", 0, TLS("/ca", "/c", "/k", True, False)),
    ),
    (
        "rediss://h?ssl_cert_reqs=none",
        Address("h", 6379, "", "", "", 0, TLS(None, None, None, False, False)),
    ),
])  # fmt: skip
def test_url_is_read(url, wanted):
    assert tuple(address(url)) == tuple(wanted)
    assert RedisOptions(url=url).address == wanted


@pytest.mark.parametrize(("url", "shown"), [
    ("redis://me:s3cret-pass@h:1/2", "redis://h:1"),
    ("rediss://:s3cret-pass@[::1]", "rediss://[::1]:6379"),
    ("unix://:s3cret-pass@/run/r", "unix:///run/r"),
])  # fmt: skip
def test_what_is_shown_of_it_has_no_password(url, shown):
    found = address(url)
    assert found.shown == shown
    assert SECRET not in repr(found) + repr(RedisOptions(url=url))
    assert SECRET not in repr(Endpoint(redis=url).options)


BAD = {
    "": "another scheme",
    "localhost:6379": "another scheme",
    "http://:s3cret-pass@h": "another scheme",
    "redis://": "no host",
    "redis://:s3cret-pass@": "no host",
    "redis://h:port": "host or port",
    "redis://h:70000": "host or port",
    "redis://[::1": "host or port",
    "redis://:s3cret-pass#1@h": "'#'",
    "redis:// :s3cret-pass@h": "white space",
    "redis://:s3cret-pass@h\n": "white space",
    "redis://h/x": "a database is a number",
    "redis://h/1234567890": "a database is a number",
    "redis://h?db=-1": "a database is a number",
    "redis://h?dbb=1": "unknown option 'dbb' (did you mean 'db'?)",
    "redis://h?ssl_ca_certs=/x": "ssl_ca_certs is for rediss://",
    "redis://h?db=1&db=2": "twice",
    "redis://h?db": "a query that is none",
    "redis://me@h": "a user without a password",
    "redis://me:***@h": "the password is '***'",
    "unix://:%2A**@/r.sock": "the password is '***'",
    "unix://run/r.sock": "three slashes",
    "unix:///": "three slashes",
    "rediss://h?ssl_cert_reqs=optional": "'required' or 'none'",
    "rediss://h?ssl_check_hostname=yes": "'true' or 'false'",
    "rediss://h?ssl_keyfile=/k": "ssl_keyfile without ssl_certfile",
}


@pytest.mark.parametrize("url", BAD)
def test_url_that_is_none_is_told_without_it(url):
    with pytest.raises(ConfigError) as told:
        RedisOptions(url=url)
    assert BAD[url] in str(told.value)
    assert "redis://[[USER]:PASSWORD@]HOST" in str(told.value)
    assert SECRET not in str(told.value)


@pytest.mark.parametrize("namespace", ["", "a b", "a:b", "é", "x" * 65, None, 7])
def test_namespace_that_is_none(namespace):
    with pytest.raises(ConfigError, match=r"namespace=.*letters, digits"):
        RedisOptions(namespace=namespace)


def test_longest_namespace():
    assert RedisOptions(namespace="x" * 64).namespace == "x" * 64
    assert RedisOptions(namespace="a.b_c-D9").namespace == "a.b_c-D9"


def test_endpoint_takes_options_a_mapping_or_a_url():
    wanted = RedisOptions(url="redis://h")
    for given in (wanted, "redis://h", {"url": "redis://h"}):
        assert Endpoint(redis=given).options.redis == wanted
    assert Endpoint().options.redis is None
    assert redis_options(None) is None
    with pytest.raises(ConfigError, match=r"redis: unknown option 'urll' \(did you mean 'url'\?\)"):
        Endpoint(redis={"urll": "redis://h"})
    with pytest.raises(ConfigError, match="redis: must be RedisOptions"):
        Endpoint(redis=7)
    with pytest.raises(ConfigError, match="redis: a int: must be RedisOptions"):
        redis_options(7)
    with pytest.raises(ConfigError, match="url: must be"):
        Endpoint(redis={"url": 7})
    with pytest.raises(ConfigError, match="required=1: must be True or False"):
        Endpoint(redis={"required": 1})
