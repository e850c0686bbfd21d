from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.contract.stage import Stage, endpoint_with
from tests.contract.transports import TRANSPORTS


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> Any:
    return TRANSPORTS[request.param]


@pytest.fixture
def play(transport: Any) -> Iterator[Callable[..., Stage]]:
    """Serve a socket class over the transport; further arguments are the transport's options."""
    with ExitStack() as stack:

        def serving(socket_class: Any, **options: Any) -> Stage:
            endpoint = endpoint_with(transport, socket_class, options)
            served = stack.enter_context(transport.serve(endpoint))
            stage = Stage(transport, socket_class, served)
            stack.callback(stage.close)
            return stage

        yield serving
