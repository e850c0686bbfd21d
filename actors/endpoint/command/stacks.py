"""What every greenlet and thread of this process is doing, on standard error."""

from __future__ import annotations

import os
from typing import Any

import gevent.util

from supervision.processes.writer import standard_error


def dump_stacks() -> None:
    """Print the stacks as one, as other workers print theirs at the same time.

    What there is no room for is lost, as lines of the log are.
    """
    util: Any = gevent.util  # its stubs say that it answers nothing
    lines = [f"stacks of process {os.getpid()}:", *util.format_run_info()]
    standard_error().put("\n".join([*lines, ""]).encode("utf-8", "backslashreplace"))
