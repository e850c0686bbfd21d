"""Machines that a real Redis links, each in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actors.pubsub import PubSub
from actors.pubsub.redis.adapter import Redis
from actors.redis_options import RedisOptions
from tests.actors.pubsub.test_pubsub import DEADLINE, Listener
from tests.support.redis_server import RedisServer


class Machine:
    """A machine with one worker, whose listener hears the topic ``t``."""

    def __init__(self, name: str, url: str, **options: Any) -> None:
        self.pubsub = PubSub()
        self.redis = Redis(RedisOptions(url=url, **options), self.pubsub, f"{name}-1")
        self.redis.start()
        self.pubsub.attach(self.redis)
        self.ref = Listener.start()
        self.listener: Listener = self.ref.actor_inbox.actor
        self.pubsub.subscribe(self.listener, "t")

    @property
    def heard(self) -> list[Any]:
        return self.listener.heard

    def close(self) -> None:
        self.pubsub.detach(self.redis)
        self.redis.close(0.0)
        self.ref.kill()


Start = Callable[..., Machine]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
def machine(server: RedisServer) -> Iterator[Start]:
    made: list[Machine] = []

    def start(name: str, url: str = server.url, *, linked: bool = True, **options: Any) -> Machine:
        made.append(Machine(name, url, **options))
        if linked:
            assert made[-1].redis.wait_linked(DEADLINE), made[-1].redis.cause
        return made[-1]

    yield start
    for each in made:
        each.close()
