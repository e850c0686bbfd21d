"""What every greenlet and thread of this process is doing, on standard error."""

from __future__ import annotations

import os
import sys
from typing import Any

import gevent.util


def dump_stacks() -> None:
    """Print the stacks, in one write, as other workers print theirs at the same time.

    A stream that cannot be written to does not matter.
    """
    util: Any = gevent.util  # its stubs say that it answers nothing
    lines = [f"stacks of process {os.getpid()}:", *util.format_run_info()]
    try:
        sys.stderr.write("\n".join([*lines, ""]))
        sys.stderr.flush()
    except OSError:
        pass
