"""The channel between the master and one worker: a socketpair that carries messages.

Either side reads when it can and never waits for the other: what does not fit into the kernel's
buffer is kept, and a worker whose buffer is full does not read, which its heartbeat tells anyway.

From the master: ``["configure", options]``, ``["peers", names]``, ``["stop", seconds]``,
``["stop_now"]``, ``["stacks"]``, ``["reopen"]``. From a worker: ``["bus"]``, ``["ready", facts]``,
``["beat"]``, ``["stopping"]``.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

from actors.frames import FrameError, FrameReader, frame, pack

READ_SIZE = 65536


class Channel:
    """One end; ``sock`` must not block. ``closed`` when the other side has hung up."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.closed = False
        self._reader = FrameReader()
        self._unsent = b""

    def fileno(self) -> int:
        """Answer the descriptor, for selectors."""
        return self.sock.fileno()

    def send(self, *message: Any) -> None:
        """Send a message, or keep it until :meth:`flush`; nothing happens on a closed channel."""
        if not self.closed:
            self._unsent += frame(pack(list(message)))
            self.flush()

    @property
    def unsent(self) -> bool:
        """Whether something waits for the other side to read."""
        return bool(self._unsent)

    def flush(self) -> None:
        """Send what waits, as far as the kernel takes it."""
        try:
            while self._unsent:
                sent = self.sock.send(self._unsent)
                self._unsent = self._unsent[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up()

    def receive(self) -> Iterator[list[Any]]:
        """Yield the messages that have come. What is none closes the channel."""
        try:
            data = self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        try:
            messages = self._reader.feed(data)
        except FrameError:
            self._hang_up()
            return
        for message in messages:
            if isinstance(message, list) and message and isinstance(message[0], str):
                yield message

    def close(self) -> None:
        """Hang up."""
        self._hang_up()
        self.sock.close()

    def _hang_up(self) -> None:
        self.closed = True
        self._unsent = b""
