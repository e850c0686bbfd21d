"""What every greenlet and thread of this process is doing."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import gevent.util


def dump_stacks(say: Callable[[str], object]) -> None:
    """Say the stacks as one text, as other workers do at the same time.

    What there is no room for is lost, as lines of the log are.
    """
    util: Any = gevent.util  # its stubs say that it answers nothing
    lines = [f"stacks of process {os.getpid()}:", *util.format_run_info()]
    say("\n".join([*lines, ""]))
