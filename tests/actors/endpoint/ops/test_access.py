"""Who may look and do: the rings, hosts, origins, and wrong tokens."""

from __future__ import annotations

import pytest

from actors.endpoint.ops.access import (
    ADDRESSES,
    DEEDS_OFF,
    FAILURES,
    PERIOD,
    VIEWS_OFF,
    Access,
    Asks,
    Attempts,
)

TOKEN = "right"


class Tokens:
    def admit(self, authorization):
        return authorization == [TOKEN]


def asks(host="127.0.0.1", origins=(), given=TOKEN, address="1.2.3.4"):
    return Asks(host, f"http://{host}:4001", origins, [given], address)


def judged(access, now=0.0, *, deed=False, **changed):
    found = access.judge(asks(**changed), now, deed=deed)
    return None if found is None else found.status


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.2.3.4",
        "[::1]",
        "::1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "ops.example",
    ],
)
def test_addresses_localhost_and_listed_names_are_ours(host):
    assert judged(Access(Tokens(), ["OPS.example"], deeds=False), host=host) is None


@pytest.mark.parametrize("host", ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil"])
def test_other_hosts_are_421_even_with_the_token(host):
    assert judged(Access(Tokens(), deeds=True), host=host) == 421


@pytest.mark.parametrize(
    ("origins", "status"),
    [
        ([], None),
        (["http://127.0.0.1:4001"], None),
        (["HTTP://127.0.0.1:4001"], None),
        (["http://127.0.0.1:4002"], 403),
        (["https://127.0.0.1:4001"], 403),
        (["null"], 403),
        ([""], 403),
        (["http://127.0.0.1:4001", "http://evil.example"], 403),
    ],
)
def test_origin_must_be_the_page_of_ours(origins, status):
    assert judged(Access(Tokens(), deeds=False), origins=origins) == status


def test_without_a_token_of_ours_views_are_off():
    found = Access(None, deeds=True).judge(asks(), 0.0, deed=False)
    assert (found.status, found.why) == (403, VIEWS_OFF)


def test_deeds_need_leave_beside_the_token():
    found = Access(Tokens(), deeds=False).judge(asks(), 0.0, deed=True)
    assert (found.status, found.why) == (403, DEEDS_OFF)
    assert judged(Access(Tokens(), deeds=True), deed=True) is None
    assert judged(Access(Tokens(), deeds=True), deed=True, given="wrong") == 401


def test_wrong_tokens_beyond_the_bound_are_429_and_a_right_one_is_never_refused():
    access = Access(Tokens(), deeds=False)
    assert [judged(access, given="wrong") for _ in range(FAILURES + 2)] == [401] * FAILURES + [
        429
    ] * 2
    assert judged(access) is None
    assert judged(access, given="wrong") == 429
    assert judged(access, given="wrong", address="9.9.9.9") == 401


@pytest.mark.parametrize(("after", "status"), [(-1, 429), (0, 401), (1, 401)])
def test_the_count_begins_anew_after_a_minute(after, status):
    access = Access(Tokens(), deeds=False)
    for _ in range(FAILURES):
        judged(access, given="wrong")
    assert judged(access, PERIOD + after, given="wrong") == status


@pytest.mark.parametrize(("others", "remembered"), [(-2, True), (-1, True), (0, False)])
def test_of_too_many_addresses_the_oldest_is_forgotten(others, remembered):
    attempts = Attempts()
    for _ in range(FAILURES):
        attempts.failed("first", 0.0)
    for number in range(ADDRESSES + others):
        attempts.failed(f"other {number}", 1.0)
    assert attempts.failed("first", 2.0) is remembered
