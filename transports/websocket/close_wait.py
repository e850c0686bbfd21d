"""What is left of a connection once our Close frame is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from transports.tcp.protocol import StreamProtocol

if TYPE_CHECKING:
    from transports.tcp.stream import Stream
    from transports.websocket.protocol import Protocol


class CloseWait(StreamProtocol):
    """Reads for the client's Close frame, up to ``timeout`` seconds; all else is ignored."""

    __slots__ = ("_protocol", "_stream", "_timer")

    def __init__(self, stream: Stream, protocol: Protocol, timeout: float) -> None:
        self._stream = stream
        self._protocol = protocol
        self._timer = stream.dispatcher.timers.call_later(timeout, stream.abort)

    def data_received(self, data: bytes) -> None:
        """Close once the Close frame is there, or what cannot lead to one (RFC 6455 §7.1.1)."""
        self._protocol.receive_data(data)
        if self._protocol.closed:
            self._stream.close(linger=0)

    def eof_received(self) -> None:
        """The client hung up."""
        self._stream.abort()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - StreamProtocol
        """Wait no longer."""
        self._timer.cancel()
