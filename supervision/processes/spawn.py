"""Starting a worker: a new interpreter, which inherits what it is given and nothing else."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable

HANDLED = (
    signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD, signal.SIGWINCH,
)  # fmt: skip


def spawn(module: str, arguments: list[str], inherit: Iterable[int]) -> int:
    """Run ``python -m module arguments`` and answer its pid. ``inherit`` are descriptors."""
    kept = list(inherit)
    for fd in kept:
        os.set_inheritable(fd, True)
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, "-m", module, *arguments],
            os.environ,
            setsigdef=HANDLED,
            setsigmask=[],
        )
    finally:
        for fd in kept:
            os.set_inheritable(fd, False)


def reap() -> Iterable[tuple[int, int]]:
    """Yield (pid, status) of every child that has ended; the status is negative for a signal.

    As process 1 we are given children that we never started; they are yielded too.
    """
    while True:
        try:
            pid, raw = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, os.waitstatus_to_exitcode(raw)
