"""A stage for each test; after it no table may know of anything that was on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from actors import Endpoint
from tests.channels.stage import Gate, Room, Stage, socket_of
from tests.support.server import serve


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def play() -> Iterator[Callable[..., Stage]]:
    """Serve ``channels`` (by default a :class:`Room` for ``room:*``) with limits and callbacks."""
    with ExitStack() as stack:

        def start(
            channels: dict[str, Any] | None = None,
            *,
            websocket: Any = True,
            longpoll: Any = True,
            mount: dict[str, Any] | None = None,
            **attributes: Any,
        ) -> Stage:
            socket_class = socket_of(channels or {"room:*": Room}, **attributes)
            endpoint = Endpoint()
            endpoint.ended = []
            transports = {"websocket": websocket, "longpoll": longpoll}
            endpoint.socket("/socket", socket_class, **transports, **(mount or {}))
            stage = Stage(stack.enter_context(serve(endpoint)), endpoint, socket_class)
            stages.append(stage)
            return stage

        stages: list[Stage] = []
        yield start
        for stage in stages:
            stage.close()
    for stage in stages:
        stage.wait_empty()
