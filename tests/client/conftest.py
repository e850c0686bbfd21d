"""A server, both clients, and no greenlet, task or descriptor left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.client.kits import AioKit, GeventKit
from tests.support.command import Command
from tests.support.waiting import eventually

APPLICATION = "tests.client.app:endpoint"


def url_of(address: tuple[str, int]) -> str:
    return f"ws://{address[0]}:{address[1]}/socket"


@pytest.fixture(scope="session")
def shared_server() -> Iterator[Command]:
    with Command(APPLICATION) as command:
        yield command


@pytest.fixture
def url(shared_server: Command) -> str:
    """Where a server is that no test stops."""
    return url_of(shared_server.address)


@pytest.fixture(params=[GeventKit, AioKit], ids=["gevent", "asyncio"])
def kit(request: Any) -> Iterator[Any]:
    with request.param() as made:
        yield made


def failure_of(client: Any) -> str:
    """Return why the first attempt of a client fails; no other one may follow soon."""
    errors: list[str] = []
    client.on_error(errors.append)
    client.connect(wait=False)
    eventually(lambda: errors)
    client.close()
    return errors[0]


@pytest.fixture
def connect(kit: Any) -> Iterator[Callable[..., Any]]:
    """Connect a client, which is closed after the test; attempts follow one another quickly."""
    quick = {"reconnect_first": 0.05, "reconnect_longest": 0.2, "rejoin_first": 0.05}
    with ExitStack() as stack:

        def make(url: str, params: Any = None, **options: Any) -> Any:
            wait, on_close = options.pop("wait", True), options.pop("on_close", None)
            client = kit.client(url, params, **{**quick, "rejoin_longest": 0.2, **options})
            stack.callback(client.close)
            if on_close is not None:  # before there is a connection that may end
                client.on_close(on_close)
            client.connect(20.0, wait=wait)
            return client

        yield make
