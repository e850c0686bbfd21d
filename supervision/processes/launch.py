"""A process of ours with a channel to it."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from supervision.processes.channel import Channel
from supervision.processes.spawn import MASTERS, spawn


def launch(
    module: str,
    listeners: Sequence[socket.socket],
    others: Sequence[socket.socket] = (),
    *,
    large: bool = False,
) -> tuple[int, Channel]:
    """Run ``module`` with the channel's descriptor and the listeners'; return pid and our end.

    It inherits ``others`` as well, and is told of them over the channel, which is ``large`` if that
    is said. ``OSError``: there is no room for a process.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            fds = [sock.fileno() for sock in listeners]
            arguments = [str(theirs.fileno()), ",".join(map(str, fds))]
            kept = [theirs.fileno(), *fds, *(sock.fileno() for sock in others)]
            pid = spawn(module, arguments, kept, blocked=MASTERS)
        except BaseException:
            ours.close()
            raise
    ours.setblocking(False)
    return pid, Channel(ours, large=large)
