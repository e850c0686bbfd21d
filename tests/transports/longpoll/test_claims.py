from __future__ import annotations

import pytest

from transports.longpoll.claims import MANY, Claims


class Session:
    def __init__(self, pending: bool = True) -> None:
        self.pending = pending


def never() -> bool:
    raise AssertionError("not asked for")


def test_connection_without_a_session_is_not_needed() -> None:
    assert not Claims(never).pending


def test_one_session_that_is_pending_is_enough() -> None:
    claims, sessions = Claims(never), [Session(pending=False), Session()]
    for session in [*sessions, *sessions]:
        claims.add(session)
    assert claims.pending
    sessions[1].pending = False
    assert not claims.pending


@pytest.mark.parametrize(
    ("count", "one_by_one"), [(MANY - 1, True), (MANY, True), (MANY + 1, False)]
)
def test_connection_of_a_proxy_is_needed_while_any_session_is(count: int, one_by_one: bool) -> None:
    asked = []
    claims = Claims(lambda: bool(asked.append(1)))
    sessions = [Session() for _ in range(count)]
    for session in sessions:
        claims.add(session)
    assert claims.pending is one_by_one
    assert bool(asked) is not one_by_one
    claims.add(Session())


def test_sessions_that_are_over_make_room_for_others() -> None:
    claims = Claims(never)
    for _ in range(10 * MANY):
        claims.add(Session(pending=False))
    claims.add(last := Session())
    assert claims.pending
    last.pending = False
    assert not claims.pending
