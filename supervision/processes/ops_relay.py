"""Which of two masters has the ops port (SIGUSR2): the newer, from when it serves until it ends.

The older one gives the newer its listening socket, and a channel over which that says
``["takes"]`` when its ops process answers, and ``["leaves"]`` when it stops itself. Its end
closes the channel: then, too, the older one answers again. Until the newer has taken the port its
ops process does not run, or a probe would find a service that boots where one serves.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
from collections.abc import Callable, MutableMapping
from typing import Any, Final

from supervision.processes.channel import Channel

logger = logging.getLogger("roost.master")

VARIABLE: Final = "ROOST_OPS_FD"
"""The listening socket of the ops port that a master hands to the one that follows it, and the end
of a channel between both, as two numbers with a comma."""


class Relay:
    """One end of the channel between two masters.

    ``hears(word)`` is told a word of the other, or ``"ended"``, once, when that has hung up.
    """

    def __init__(
        self,
        sock: socket.socket,
        selector: selectors.BaseSelector,
        hears: Callable[[str], object],
    ) -> None:
        sock.setblocking(False)
        self._channel = Channel(sock)
        self._selector = selector
        self._hears = hears
        selector.register(sock, selectors.EVENT_READ, self._serve)

    @classmethod
    def pair(
        cls, selector: selectors.BaseSelector, hears: Callable[[str], object]
    ) -> tuple[Relay, socket.socket]:
        """Return our end, and the other, which is to be handed on and closed here."""
        ours, theirs = socket.socketpair()
        return cls(ours, selector, hears), theirs

    def say(self, word: str) -> None:
        """Tell the other master; nothing happens where it is gone."""
        self._channel.send(word)

    def close(self) -> None:
        """Hang up."""
        if self._channel.fileno() >= 0:
            self._selector.unregister(self._channel.sock)
            self._channel.close()

    def _serve(self, events: int) -> None:  # noqa: ARG002 - a key's data
        for message in self._channel.receive():
            self._hears(message[0])
        if self._channel.closed and self._channel.fileno() >= 0:
            self.close()
            self._hears("ended")


def handed_over(
    environ: MutableMapping[str, Any],
) -> tuple[socket.socket, socket.socket] | None:
    """Return the listening socket and the channel of the master that has started us, if it has.

    What says so is taken out of ``environ``.
    """
    found = str(environ.pop(VARIABLE, "")).split(",")
    if len(found) != 2 or not all(each.isascii() and each.isdecimal() for each in found):
        return None
    made = []
    for each in found:
        try:
            made.append(socket.socket(fileno=int(each)))
        except OSError:
            for sock in made:
                sock.close()
            return None
        os.set_inheritable(int(each), False)
    return made[0], made[1]
