"""Reading the PROXY protocol before anything else: before TLS, and before HTTP."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, Protocol

from actors.crash_log import capped
from transports.tcp.protocol import StreamProtocol
from transports.tcp.proxy_protocol import parse
from transports.turned_away import turned_away

if TYPE_CHECKING:
    from transports.tcp.stream import Stream

CLOSED: Final = capped(logging.getLogger("roost.transports"))
"""What of a proxy's connections is closed without an answer: one line in a second."""


class Begin(Protocol):
    """Who goes on when the preface is there."""

    def __call__(
        self, stream: Stream, client: tuple[str, int] | None, rest: bytes
    ) -> StreamProtocol | None:
        """Serve ``client`` (``None``: whoever the peer is), whose first bytes are ``rest``.

        Return the protocol that has the stream from now on; ``None``: it was turned away.
        """


class PrefaceReader(StreamProtocol):
    """The first protocol of a stream that a trusted proxy has opened.

    The peer has ``timeout`` seconds to send the whole preface. What is none, comes too late or ends
    before is closed without an answer, as nobody knows what the peer speaks.
    """

    __slots__ = ("_begin", "_data", "_draining", "_ending", "_stream", "_timer")

    def __init__(self, stream: Stream, timeout: float, begin: Begin) -> None:
        self._stream = stream
        self._begin = begin
        self._data = b""
        self._ending = self._draining = False
        self._timer = stream.dispatcher.timers.call_later(timeout, self._late)

    def data_received(self, data: bytes) -> None:
        self._data += data
        try:
            found = parse(self._data)
        except ValueError as error:
            self._close(str(error))
            return
        if found is None:
            return
        self._timer.cancel()
        protocol = self._begin(self._stream, found.client, self._data[found.size :])
        if protocol is not None and self._ending:
            protocol.announce_end()
        if protocol is not None and self._draining:
            protocol.drain()

    def eof_received(self) -> None:
        self._close("it ended before the PROXY protocol was there")

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - StreamProtocol
        self._timer.cancel()

    def announce_end(self) -> None:
        self._ending = True

    def drain(self) -> None:
        """Let it come: behind it is a request, which was sent before the proxy could know."""
        self._ending = self._draining = True

    def end_now(self) -> None:
        self._stream.abort()

    def _late(self) -> None:
        self._close("the PROXY protocol did not come in time")

    def _close(self, why: str) -> None:
        address = self._stream.peer[0]
        CLOSED.log(logging.WARNING, why, "closed a connection of %s: %s", address, why)
        if self._data:  # else it may have been a look whether the port is open
            turned_away(None, "forwarded", None)
        self._stream.abort()
