"""Starting a worker: a new interpreter, which inherits what it is given and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from actors.reasons import NORMAL, Failure, Reason

HANDLED: Final = (
    signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2,
    signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD, signal.SIGWINCH, signal.SIGPIPE,
)  # fmt: skip

MASTERS: Final = (
    signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU,
    signal.SIGWINCH, signal.SIGPIPE,
)  # fmt: skip
"""What workers ignore: a terminal sends it to all, and the master says what is to be done."""


USAGE: Final = 2
"""The exit status of a worker that cannot serve the application, and has said why."""

GAVE_UP: Final = 3
"""The exit status after too many restarts, and where none has served for too long."""


def spawn(
    module: str,
    arguments: list[str],
    inherit: Iterable[int],
    *,
    blocked: Iterable[signal.Signals] = (),
    environ: Mapping[str, str] | None = None,
) -> int:
    """Run ``python -m module arguments`` and return its pid; ``OSError`` where there is no room.

    ``inherit`` are descriptors; ``blocked`` signals wait until the process unblocks them, as it
    cannot ignore them before it runs. Of ours it has the options of the interpreter and, unless
    ``environ`` is given, the environment.
    """
    kept = list(inherit)
    # As multiprocessing does: -X dev, -W error, -I and the like are for the workers too.
    options: list[str] = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined] # noqa: SLF001
    for fd in kept:
        os.set_inheritable(fd, True)
    try:
        return os.posix_spawn(
            sys.executable,
            [sys.executable, *options, "-m", module, *arguments],
            os.environ if environ is None else environ,
            setsigdef=HANDLED,
            setsigmask=blocked,
        )
    finally:
        for fd in kept:
            os.set_inheritable(fd, False)


def reap() -> Iterator[tuple[int, int]]:
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


def described(status: int) -> str:
    """Return a status of :func:`reap` in words."""
    if status >= 0:
        return f"status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:  # most real-time signals have no name
        return f"signal {-status}"


def counted(workers: int) -> str:
    """Return ``"1 worker is"`` or ``"2 workers are"``."""
    return "1 worker is" if workers == 1 else f"{workers} workers are"


def reason(status: int) -> Reason:
    """Return why a process with a status of :func:`reap` has ended."""
    return NORMAL if status == 0 else Failure(described(status))
