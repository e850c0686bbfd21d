from __future__ import annotations

import pytest

from transports.http.cookies import Cookies, parse_cookies


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([], {}),
        ([""], {}),
        (["a=1"], {"a": "1"}),
        (["a=1; b=2", "c=3"], {"a": "1", "b": "2", "c": "3"}),
        (["a=1;b=2 ;\tc=3"], {"a": "1", "b": "2", "c": "3"}),
        (["a=1; a=2"], {"a": "1"}),
        (["a=b=c"], {"a": "b=c"}),
        (['a="b c"; d="; e="'], {"a": "b c", "d": '"', "e": '"'}),
        (["a; =b; c="], {"c": ""}),
    ],
)
def test_cookies_of_all_headers_are_found(values, found):
    assert parse_cookies(values) == found


def test_text_of_cookies_has_their_names_alone():
    assert repr(Cookies(a="secret")) == "{'a': '[FILTERED]'}"
    assert str(Cookies(a="secret")) == "{'a': '[FILTERED]'}"
