"""Named points of the drills' application: ``point("before_ack", client="a")``.

A process that reaches one says so over a Unix socket and goes on when it is told to. So a fault can
be injected while the application stands exactly there. Without a drill nothing happens.
"""

from __future__ import annotations

import json
import os
import socket
from typing import Any, Final

VARIABLE: Final = "ROOST_DRILL_POINTS"
"""The environment's variable with the socket's path."""


def point(name: str, **facts: Any) -> None:
    """Say that this process is at ``name``, and wait for leave to go on. Blocks the caller."""
    path = os.environ.get(VARIABLE)
    if path is None:
        return
    line = json.dumps({"point": name, "pid": os.getpid(), **facts}) + "\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.connect(path)
            sock.sendall(line.encode())
            sock.recv(1)
    except OSError:
        pass  # the drill has ended
