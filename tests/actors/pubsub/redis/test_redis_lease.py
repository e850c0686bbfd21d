"""The lease that machines share, in a real Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import gevent
import pytest

from actors.pubsub.redis.lease import RedisLease
from tests.support.redis_server import RedisServer
from tests.support.waiting import eventually

KEY = "roost:once"


@pytest.fixture(scope="module")
def running() -> Iterator[RedisServer]:
    with RedisServer() as made:
        yield made


@pytest.fixture
def server(running: RedisServer) -> RedisServer:
    """Return a Redis that has been there for as long as a lease, remembers, and has none."""
    running.start_if_ended()
    while running.ask("INFO", "server")["uptime_in_seconds"] < 1:
        time.sleep(0.01)
    running.ask("CONFIG", "SET", "maxmemory", "0")
    running.ask("ACL", "SETUSER", "default", "+@all")
    running.ask("SET", f"{KEY}:number", "0")
    running.ask("DEL", KEY)
    return running


@pytest.fixture
def lease(machine: Any) -> Callable[..., RedisLease]:
    def make(name: str, **options: Any) -> RedisLease:
        redis = machine(name).redis
        given = {"seconds": 1.0, "renew_every": 0.1, **options}
        return RedisLease(redis.ask, lambda: redis.worker, "roost", **given)

    return make


def acquired(lease: RedisLease) -> int | None:
    found: list[int | None] = []
    lease.acquire(found.append)
    return eventually(lambda: found)[0]


def renewed(lease: RedisLease, number: int) -> bool | None:
    found: list[bool | None] = []
    lease.renew(number, found.append)
    return eventually(lambda: found)[0]


def test_one_has_it_until_it_gives_it_back(lease):
    one, two = lease("one"), lease("two")
    first = acquired(one)
    assert abs(first - time.time() * 1000) < 60_000
    assert acquired(two) is None
    assert renewed(one, first) is True
    assert renewed(two, first) is False
    two.release(first)
    assert renewed(one, first) is True
    one.release(first)
    second = acquired(two)
    assert second > first
    assert renewed(one, first) is False


def test_it_is_over_where_it_is_not_renewed(lease):
    one, two = lease("one", seconds=1.0), lease("two")
    first = acquired(one)
    assert (one.seconds, one.renew_every, one.retry) == (1.0, 0.1, 0.5)
    for _ in range(8):
        gevent.sleep(0.2)
        assert renewed(one, first) is True
    assert acquired(two) is None
    second = eventually(lambda: acquired(two), pause=0.05)
    assert second > first
    assert renewed(one, first) is False


def test_a_worker_of_the_same_machine_takes_it_over_at_once(lease, machine):
    one, two = lease("one"), lease("two")
    first = acquired(one)
    ask = machine("one-again").redis.ask
    sibling = RedisLease(ask, lambda: "one-2", "roost", seconds=10.0, renew_every=2.0)
    second = acquired(sibling)
    assert second > first
    assert renewed(one, first) is False
    assert acquired(two) is None


def test_numbers_grow_where_redis_has_forgotten_and_clocks_are_behind(lease, server):
    one, two = lease("one"), lease("two", clock=lambda: 1.0)
    server.ask("SET", f"{KEY}:number", "0")
    first = acquired(two)
    assert first == 1000
    two.release(first)
    assert acquired(two) == 1001
    server.ask("DEL", KEY)
    server.ask("SET", f"{KEY}:number", "0")
    assert acquired(two) == 1002
    server.ask("DEL", KEY)
    assert acquired(one) > 10**12


def test_a_redis_that_has_forgotten_grants_nothing_while_a_lease_may_last(lease, server):
    one, two = lease("one"), lease("two")
    first = acquired(one)
    server.ask("FLUSHALL")
    began = time.monotonic()
    assert acquired(two) is None
    assert renewed(one, first) is False
    assert acquired(one) is None
    second = eventually(lambda: acquired(two), pause=0.05)
    assert time.monotonic() - began > 0.9
    assert second > first


def test_a_redis_that_has_just_begun_grants_nothing_while_a_lease_may_last(lease, server):
    one = lease("one", seconds=3.0)
    server.kill()
    server.start()
    server.ask("SET", f"{KEY}:number", "7")  # as from a snapshot
    eventually(lambda: one._ask("PING"))
    began = time.monotonic()
    assert acquired(one) is None
    assert server.ask("EXISTS", KEY) == 0
    assert eventually(lambda: acquired(one), pause=0.1)
    assert time.monotonic() - began > 1.0


def test_where_redis_cannot_be_asked_nobody_knows(lease, server):
    one = lease("one")
    first = acquired(one)
    server.stop()
    answers: list[Any] = []
    one.renew(first, answers.append)
    one.acquire(answers.append)
    server.kill()
    eventually(lambda: answers == [None, None])
    assert renewed(one, first) is None
    assert acquired(one) is None
    one.release(first)


def test_user_with_the_least_rights(lease, server, machine):
    server.ask(
        "ACL", "SETUSER", "me", "on", ">pw", "resetchannels", "&roost:*", "~roost:once*",
        "+publish", "+subscribe", "+ping", "+hello", "+client|setname",
        "+eval", "+get", "+set", "+del", "+pexpire", "+info",
    )  # fmt: skip
    redis = machine("one", f"unix://me:pw@{server.path}").redis
    one = RedisLease(redis.ask, lambda: redis.worker, "roost", seconds=1.0, renew_every=0.1)
    server.ask("DEL", f"{KEY}:number")
    assert acquired(one) is None
    server.ask("DEL", KEY)
    first = acquired(one)
    assert renewed(one, first) is True
    one.release(first)
    assert acquired(lease("two")) > first


@pytest.mark.parametrize(("config", "word"), [
    (("CONFIG", "SET", "maxmemory", "1"), "OOM"),
    (("ACL", "SETUSER", "default", "-eval"), "NOPERM"),
])  # fmt: skip
def test_what_redis_refuses_is_said_and_the_link_stays(lease, server, caplog, config, word):
    one, two = lease("one"), lease("two")
    first = acquired(one)
    one.release(first)
    server.ask(*config)
    assert acquired(two) is None
    assert acquired(two) is None
    assert renewed(one, first) in (None, False)
    lines = [each for each in caplog.messages if "does not run here" in each]
    assert len(lines) in (1, 2)
    assert word in lines[0]
    assert two._ask("PING", done=None)
