"""One WebSocket connection from the client's side, without I/O (RFC 6455).

The half of the package ``websockets`` that does no I/O has the frames and the handshake; here
messages are made of frames, and its words become ours. Bytes that came go in, bytes to be sent come
out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHeader, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame as FrameOf
from websockets.frames import Opcode as FrameOpcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import WebSocketURI

from actors.client.address import Address
from actors.errors import ConnectFailed
from actors.serializers.message import BINARY, TEXT, Frame

NORMAL: Final = 1000
ABNORMAL: Final = 1006

_OPCODES: Final = {FrameOpcode.TEXT: TEXT, FrameOpcode.BINARY: BINARY}


class WebSocket:
    """What one connection has sent and wants to send."""

    def __init__(
        self,
        address: Address,
        query: str,
        *,
        max_size: int,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] | None = None,
        compress: bool = False,
    ) -> None:
        uri = WebSocketURI(address.secure, address.host, address.port, address.path, query)
        self._protocol = ClientProtocol(
            uri,
            max_size=max_size,
            subprotocols=None if subprotocols is None else [*map(Subprotocol, subprotocols)],
            extensions=[ClientPerMessageDeflateFactory()] if compress else None,
        )
        self._protocol.debug = False  # it would log tokens
        self._parts: bytearray | None = None
        self._opcode = TEXT
        request = self._protocol.connect()
        for name, value in (headers or {}).items():
            request.headers[name] = value
        self._protocol.send_request(request)

    @property
    def is_open(self) -> bool:
        """Whether messages may be sent."""
        return self._protocol.state is State.OPEN

    @property
    def is_over(self) -> bool:
        """Whether nothing that comes counts any more: how it ended is known."""
        of = self._protocol
        return of.close_rcvd is not None or of.parser_exc is not None or of.state is State.CLOSED

    def received(self, data: bytes) -> list[Frame]:
        """Take bytes; return the messages that are complete.

        :class:`~actors.errors.ConnectFailed` where the handshake is refused.
        """
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        if self._protocol.handshake_exc is not None:
            raise _failure(self._protocol.handshake_exc)
        messages = []
        for event in self._protocol.events_received():
            if isinstance(event, FrameOf):
                message = self._message(event.opcode, bytes(event.data), fin=event.fin)
                if message is not None:
                    messages.append(message)
        return messages

    def _message(self, opcode: FrameOpcode, data: bytes, *, fin: bool) -> Frame | None:
        if opcode in _OPCODES:
            if fin:
                return _OPCODES[opcode], data
            self._opcode, self._parts = _OPCODES[opcode], bytearray(data)
        elif opcode is FrameOpcode.CONT and self._parts is not None:
            self._parts += data
            if fin:
                whole, self._parts = bytes(self._parts), None
                return self._opcode, whole
        return None

    def send(self, frame: Frame) -> None:
        """Send a message."""
        opcode, data = frame
        if opcode is BINARY:
            self._protocol.send_binary(data)
        else:
            self._protocol.send_text(data)

    def close(self, code: int, reason: str) -> None:
        """Send a Close frame, unless one was sent; its reason is cut to what one carries."""
        if self.is_open:
            cut = reason.encode()[:120].decode(errors="ignore")
            self._protocol.send_close(code, cut)

    def outgoing(self) -> bytes:
        """Return what is to be sent now; each byte is returned once."""
        return b"".join(self._protocol.data_to_send())

    def why(self) -> tuple[int, str]:
        """Return how it ended: the server's code and reason, or ours where it broke the protocol.

        1006 where no Close frame came (RFC 6455 §7.1.5).
        """
        theirs, ours = self._protocol.close_rcvd, self._protocol.close_sent
        if self._protocol.parser_exc is not None and ours is not None:
            return int(ours.code), ours.reason
        if theirs is not None:
            return int(theirs.code), theirs.reason
        return ABNORMAL, "the connection was lost"


def _failure(error: Exception) -> ConnectFailed:
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        return ConnectFailed(f"the server refused it with {status}", status)
    # What the server wrote is not quoted: it may be the token, sent back.
    words = f"header {error.name}" if isinstance(error, InvalidHeader) else type(error).__name__
    return ConnectFailed(f"the answer is no handshake: {words:.200}")
