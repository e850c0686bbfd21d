"""The end of a WebSocket whose Close frame is sent, until the client's is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actors.metrics.traffic import TRAFFIC
from transports.tcp.protocol import StreamProtocol
from transports.websocket import lifecycle as life
from transports.websocket.lifecycle import CLOSED

if TYPE_CHECKING:
    from transports.tcp.stream import Stream
    from transports.websocket.protocol import Protocol


class CloseWait(StreamProtocol):
    """What is left once our Close frame is sent: it waits ``timeout`` seconds for the client's."""

    __slots__ = ("_stream", "_timer", "protocol")

    def __init__(self, stream: Stream, protocol: Protocol, timeout: float) -> None:
        self._stream = stream
        self.protocol = protocol
        self._timer = stream.dispatcher.timers.call_later(timeout, self._late)

    def data_received(self, data: bytes) -> None:
        """Close once the Close frame is there, or what cannot lead to one (RFC 6455 §7.1.1)."""
        TRAFFIC.bytes_in += len(data)
        self.protocol.receive_data(data)
        if self.protocol.state is CLOSED:
            self._stream.close(linger=0)

    def eof_received(self) -> None:
        self._stream.abort()

    def _late(self) -> None:
        self.protocol.move(life.TIMEOUT)
        self._stream.abort()

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - StreamProtocol
        self.protocol.move(life.HANGUP)
        self._timer.cancel()
