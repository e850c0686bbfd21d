"""A worker's end of the channel: it hears the master, and shows it that the hub still turns."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
from collections.abc import Callable
from typing import Any, Final

from actors.runtime.dispatcher import Dispatcher
from supervision.processes.channel import Channel

BEATS_PER_TIMEOUT: Final = 5
"""Signs of life in the time that the master waits for one."""

LONGEST_BEAT: Final = 1.0
_PR_SET_PDEATHSIG: Final = 1  # prctl(2)


class WorkerEnd:
    """``fd`` is the channel's descriptor. :meth:`configured` comes first, then :meth:`serve`."""

    def __init__(self, fd: int) -> None:
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        self._channel = Channel(sock)
        self._early: list[list[Any]] = []

    def configured(self) -> dict[str, Any]:
        """Wait for the options, blocking the process; ``ConnectionError`` if the master is gone."""
        while not self._channel.closed:
            select.select([self._channel.fileno()], [], [])
            messages = list(self._channel.receive())
            for place, message in enumerate(messages):
                if message[0] == "configure":
                    self._early = messages[place + 1 :]
                    options: dict[str, Any] = message[1]
                    return options
        raise ConnectionError("the master is gone")

    def serve(
        self,
        dispatcher: Dispatcher,
        timeout: float,
        on_message: Callable[[list[Any]], object],
        on_orphaned: Callable[[], object],
    ) -> None:
        """Hear the master from now on, and give it signs of life for its ``timeout`` seconds.

        The callbacks run on the loop and must not block.
        """

        def heard(_mask: int) -> None:
            for message in self._channel.receive():
                on_message(message)
            if self._channel.closed:
                dispatcher.unregister(self._channel.fileno())
                on_orphaned()

        def beat() -> float:
            self._channel.send("beat")
            return dispatcher.clock() + every

        every = min(LONGEST_BEAT, timeout / BEATS_PER_TIMEOUT)
        dispatcher.register(self._channel.fileno(), select.EPOLLIN, heard)
        dispatcher.timers.call_later(every, beat)
        for message in self._early:
            on_message(message)

    def send(self, *message: Any) -> None:
        """Tell the master; nothing happens when it is gone."""
        self._channel.send(*message)


def die_with_parent() -> bool:
    """Have the kernel send SIGTERM when the master ends; ``False`` if it has ended already."""
    parent = os.getppid()
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    except (OSError, AttributeError):
        pass  # the channel's end tells it too
    return os.getppid() == parent
