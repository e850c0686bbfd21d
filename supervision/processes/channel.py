"""The channel between the master and one worker: a socketpair that carries messages.

Either side reads when it can and never waits for the other. What does not fit into the kernel's
buffer is kept until there is room; a side that lets :data:`MAX_UNSENT` bytes wait is hung up on.

From the master: ``["configure", options]``, ``["peers", names]``, ``["stop", seconds]``,
``["stop_now"]``, ``["stacks"]``, ``["reopen"]``; and ``["stand_back", bool]``, whether to leave
clients to other workers. ``["peers", names, {...}]`` is for workers that understand
``"peers_map"``: they pass over the keys that they do not know. ``["appoint"]`` and ``["resign"]``
are for those that understand ``"appoint"``: run what exists once, as soon as nobody else does, and
end it. From a worker: ``["bus"]``, ``["ready", facts]``, ``["beat"]``, ``["stopping"]``;
``["beat", totals]`` (:mod:`supervision.processes.totals`) where ``configure`` had ``"totals":
True``, which a worker of an earlier release passes over; and from one that was appointed ``["runs",
number]``, and ``["resigned", gave_up]``, once for each appointment: nothing of it runs there any
more. ``["leaving"]`` is for workers that understand it: the service stops soon, and whoever asks
for its health is told so.

The ops process has the same kind of channel. The master says ``["configure", options]``,
``["health", state]`` on each change and each second (:class:`actors.endpoint.ops.health.Health`),
``["snapshot", whole]`` (:mod:`supervision.processes.snapshot`), ``["done", ticket, error]`` with
``None`` for no error, ``["stop", seconds]``, ``["stacks"]`` and ``["reopen"]``. It says
``["ready"]``, ``["beat"]``, ``["snapshot"]`` to be sent one, and ``["do", ticket, deed,
arguments]``. Both are always of one release. Two masters (SIGUSR2) have a channel between them for
the ops port: see :mod:`supervision.processes.ops_relay`.

After a release the old master starts new workers, and a new one may have old workers. What came
later than the first release is only said to workers whose facts name it in ``"understands"``; a
worker does without it.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any, Final

from actors.packets import MAX_FRAME, FrameError, FrameReader, frame, pack

READ_SIZE: Final = 65536

MAX_UNSENT: Final = 1024 * 1024
"""Bytes that may wait for the other side: thousands of messages of ours."""

MAX_REST: Final = 4 * MAX_UNSENT
"""Bytes that are read before a channel is closed: more than a kernel keeps."""


LARGE: Final = 16 * MAX_FRAME
"""Bytes of a message to the ops process: 256 workers may have counted a lot."""


class Channel:
    """One end; ``sock`` must not block. ``closed`` when either side has hung up.

    ``large``: messages of up to :data:`LARGE` bytes may come and go, and one may wait.
    """

    def __init__(self, sock: socket.socket, *, large: bool = False) -> None:
        self.sock = sock
        self.closed = False
        self._most = LARGE if large else MAX_FRAME
        self._large = large
        self._reader = FrameReader(self._most)
        self._unsent = bytearray()
        self._may_have_more = False

    def fileno(self) -> int:
        """Return the descriptor, for selectors."""
        return self.sock.fileno()

    def send(self, *message: Any) -> None:
        """Send a message, or keep it until :meth:`flush`; nothing happens on a closed channel.

        ``ValueError``: it is larger than any may be, and nothing of it was sent.
        """
        if self.closed:
            return
        self._unsent += frame(pack(list(message), self._most))
        self.flush()
        if len(self._unsent) > MAX_UNSENT + (LARGE if self._large else 0):
            self._hang_up()

    @property
    def unsent(self) -> bool:
        """Whether something waits for the other side to read."""
        return bool(self._unsent)

    def flush(self) -> None:
        """Send what waits, as far as the kernel takes it."""
        try:
            while self._unsent:
                sent = self.sock.send(self._unsent)
                del self._unsent[:sent]
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up()

    def receive(self) -> Iterator[list[Any]]:
        """Yield the messages that have come. What is none closes the channel."""
        self._may_have_more = False
        try:
            data = self.sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        try:
            messages = self._reader.feed(data)
        except FrameError:
            data = b""
        if not data:
            self._hang_up()
            return
        self._may_have_more = True
        for message in messages:
            if isinstance(message, list) and message and isinstance(message[0], str):
                yield message

    def rest(self) -> Iterator[list[Any]]:
        """Yield what can still be read before :meth:`close`, though the other side may be gone.

        It is no more than :data:`MAX_REST` bytes: somebody may have its descriptor, and write.
        """
        for _ in range(MAX_REST // READ_SIZE):
            if self.fileno() < 0:
                return
            yield from self.receive()
            if not self._may_have_more:
                return

    def close(self) -> None:
        """Hang up."""
        self._hang_up()
        self.sock.close()

    def _hang_up(self) -> None:
        self.closed = True
        self._unsent.clear()


def words(given: Any) -> frozenset[str]:
    """Return what a worker says that it understands; one of an earlier release says nothing."""
    listed = given if isinstance(given, list) else []
    return frozenset(each for each in listed if isinstance(each, str))
