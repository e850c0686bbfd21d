"""Waiting: how long a test waits for anything, and for what has no event of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent

DEADLINE = 20.0
"""Seconds that anything may take before its test fails: a machine may be slow, and busy."""


def eventually(
    condition: Callable[[], Any], timeout: float = DEADLINE, pause: float = 0.001
) -> Any:
    """Let others run until ``condition`` holds; return what it returned then.

    ``gevent.Timeout`` after ``timeout`` seconds. In the ``pause`` of so many seconds between two
    looks the loop polls, and all that is ready runs: what is seen is rarely half done. Without one
    (0) each step is seen, for a state that passes; a longer one is for looks that are dear.
    """
    with gevent.Timeout(timeout):
        while not (found := condition()):
            gevent.sleep(pause)
    return found
