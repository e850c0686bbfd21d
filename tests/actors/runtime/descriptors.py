"""Sockets in the dispatcher's set, for the length of a test."""

from __future__ import annotations

from collections.abc import Callable
from select import EPOLLIN
from typing import Any

from actors.runtime.dispatcher import Dispatcher


class Watching:
    """Registers sockets and undoes it."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.fds: list[int] = []

    def __call__(self, sock: Any, handler: Callable[[int], None], events: int = EPOLLIN) -> int:
        fd: int = sock.fileno()
        self.dispatcher.register(fd, events, handler)
        self.fds.append(fd)
        return fd

    def undo(self) -> None:
        for fd in self.fds:
            self.dispatcher.unregister(fd)
