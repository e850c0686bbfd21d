"""Waiting: how long a test waits for anything, and for what has no event of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent

DEADLINE = 20.0
"""Seconds that anything may take before its test fails: a machine may be slow, and busy."""


def eventually(condition: Callable[[], Any], timeout: float = DEADLINE, pause: float = 0.0) -> Any:
    """Let others run until ``condition`` holds; return what it returned then.

    ``gevent.Timeout`` after ``timeout`` seconds. Between two looks all that is ready runs; with a
    ``pause`` in seconds the loop sleeps, which is for looks that are dear, or at another process.
    """
    with gevent.Timeout(timeout):
        while not (found := condition()):
            gevent.sleep(pause)
    return found
