from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from actors.runtime import Dispatcher, get_dispatcher, registry
from tests.actors.runtime.descriptors import Watching


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    dispatcher = get_dispatcher()  # of the thread that asks first: not of one of a test's own
    before = registry.count()
    yield
    for ref in registry.get_all():
        ref.kill()
    assert registry.count() <= before
    assert len(dispatcher._idle) <= dispatcher.carriers
    assert all(carrier.idle and not carrier.dead for carrier in dispatcher._idle)


@pytest.fixture
def dispatcher() -> Dispatcher:
    return get_dispatcher()


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, two = socket.socketpair()
    one.setblocking(False)
    two.setblocking(False)
    with one, two:
        yield one, two


@pytest.fixture
def watch(dispatcher: Dispatcher, pair: tuple[socket.socket, socket.socket]) -> Iterator[Watching]:
    watching = Watching(dispatcher)
    yield watching
    watching.undo()
