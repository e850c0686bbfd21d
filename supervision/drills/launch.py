"""``python -m supervision.drills.launch``: becomes another program, in a place prepared for it.

    launch [--listen FD] [--orphan FD] -- PROGRAM ARGUMENT...

``--listen``: it inherits that socket as a service manager hands it over (sd_listen_fds(3)).
``--orphan``: it is given a child that it has never started, which ends when FD can be read; where
it is not process 1 it adopts orphans as that does (prctl(2), PR_SET_CHILD_SUBREAPER).
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

FIRST: Final = 3
_PR_SET_CHILD_SUBREAPER: Final = 36


def hand_over(fd: int) -> None:
    """Inherit ``fd`` as the first of the sockets that somebody has opened for us."""
    os.dup2(fd, FIRST, inheritable=True)
    os.environ["LISTEN_FDS"] = "1"
    os.environ["LISTEN_PID"] = str(os.getpid())


def adopt_orphan(fd: int) -> None:
    """Have a child whose parent has ended: it waits for ``fd``, and ends with status 7."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if os.fork() == 0:
        if os.fork() == 0:
            os.read(fd, 1)
            os._exit(7)
        os._exit(0)
    os.wait()
    os.close(fd)


def main(arguments: list[str]) -> None:
    """Prepare, then be the program."""
    place = arguments.index("--")
    for option, value in zip(arguments[:place:2], arguments[1:place:2], strict=True):
        {"--listen": hand_over, "--orphan": adopt_orphan}[option](int(value))
    program = arguments[place + 1 :]
    os.execv(program[0], program)  # noqa: S606 - what the drill says


if __name__ == "__main__":
    main(sys.argv[1:])
