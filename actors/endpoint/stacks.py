"""What every greenlet and thread of this process is doing, on standard error."""

from __future__ import annotations

import os
import sys

import gevent.util


def dump_stacks() -> None:
    """Print the stacks; a stream that cannot be written to does not matter."""
    try:
        print(f"stacks of process {os.getpid()}:", file=sys.stderr)
        gevent.util.print_run_info(file=sys.stderr)
        sys.stderr.flush()
    except OSError:
        pass
