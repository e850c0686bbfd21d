"""The hot path of a WebSocket connection: answers into frames, and frames to the stream.

A compiled build has it in C, and reads there too, as long as a client sends whole messages
(docs/adr/0017). Both leave what is not the common case to the methods of
:class:`~transports.websocket.connection.WebSocketConnection` that end in ``_odd``, and others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from actors.messages import Opcode
from actors.results import Push, Reply
from actors.speedups import hot
from transports.websocket.frames import TEXT_HEADERS, WHOLE_TEXT, header_16
from transports.websocket.outgoing import message_frame

if TYPE_CHECKING:
    from actors.metrics.traffic import Amounts
    from actors.runtime.dispatcher import Dispatcher
    from actors.runtime.mailbox import Mailbox
    from transports.tcp.stream import Stream
    from transports.websocket.deflate import Deflate

TEXT, BINARY = Opcode.TEXT, Opcode.BINARY

FLUSH_ABOVE: Final = 65536
"""Bytes from which a frame is not held back for others of its turn."""


class PureLine:
    """``out`` has the frames of this turn, ``posted`` bytes of them come from others.

    ``waiting``: bytes of events that a busy actor has not handled. ``ended``: the Close frame is
    sent, or nobody is there for one. ``heard``: when a compiled line has read last. ``max_queue``:
    bytes that may wait for the peer to read. What it carries: see :mod:`actors.metrics.traffic`;
    ``counted``: somebody wants to know it.
    """

    __slots__ = (
        "bytes_in", "bytes_out", "counted", "deflate", "dispatcher", "ended", "heard", "inbox",
        "max_queue", "messages_in", "messages_out", "out", "posted", "stream", "told", "waiting",
    )  # fmt: skip

    if TYPE_CHECKING:
        bytes_in: int
        bytes_out: int
        counted: bool
        deflate: Deflate | None
        dispatcher: Dispatcher
        ended: bool
        heard: float
        inbox: Mailbox
        max_queue: int
        messages_in: int
        messages_out: int
        out: list[bytes]
        posted: int
        stream: Stream
        told: Amounts
        waiting: int

    def deliver(self, result: Any) -> None:
        """Send what a callback answered, at the end of its turn."""
        kind = type(result)
        if kind is Reply or kind is Push:
            payload, opcode = result.payload, result.opcode
            if type(payload) is str and (opcode is TEXT or opcode is None):
                data = payload.encode()
                length = len(data)
                if length < 126 and self.deflate is None:
                    self.out.append(TEXT_HEADERS[length] + data)
                elif length < 65536 and self.deflate is None:
                    self.put(header_16(WHOLE_TEXT, 126, length) + data)
                else:
                    self.put(message_frame(TEXT, data, self.deflate))
                return
            if type(payload) is bytes and (opcode is BINARY or opcode is None):
                self.put(message_frame(BINARY, payload, self.deflate))
                return
        self.deliver_odd(result)

    def put(self, frame: bytes) -> None:
        """Send a frame at the end of the turn, a large one at once."""
        self.out.append(frame)
        if len(frame) >= FLUSH_ABOVE:
            self.on_blocked()

    def send(self, frame: tuple[Opcode, bytes]) -> None:
        """Frame a message of a channel, and post it."""
        opcode, data = frame
        if (length := len(data)) < 126 and opcode is TEXT and self.deflate is None:
            self.post(TEXT_HEADERS[length] + data)
        else:
            self.post(message_frame(opcode, data, self.deflate))

    def post(self, prepared: bytes) -> None:
        """Send a frame together with others of this round."""
        out, size = self.out, len(prepared)
        if out:
            size += self.posted
        else:
            stream, dispatcher = self.stream, self.dispatcher
            if stream.backlog is not None and stream.queued > self.max_queue:
                return  # it is being closed for that
            dispatcher.sends.append(self.flush)  # as send_soon does
            if not dispatcher.wake_pending:
                dispatcher.wake_soon()
        out.append(prepared)
        self.posted = size
        if size >= FLUSH_ABOVE:
            self.on_blocked()

    def flush(self) -> None:
        """Send what was delivered in this turn."""
        out = self.out
        if out:
            if self.ended:
                out.clear()  # nothing follows the Close frame (RFC 6455 §5.5.1)
            else:
                stream = self.stream
                data = out[0] if len(out) == 1 else b"".join(out)
                if self.counted:
                    self.bytes_out += len(data)
                    self.messages_out += len(out)
                stream.write(data)
                out.clear()
                if stream.backlog is not None:
                    self.bound_backlog()
        if self.waiting and not self.inbox.items:
            self.waiting = 0

    def take_over(self, limit: int) -> None:
        """Read and write without the stream; only a compiled line can."""
        raise NotImplementedError

    def deliver_odd(self, result: Any) -> None:
        raise NotImplementedError

    def on_blocked(self) -> None:
        raise NotImplementedError

    def bound_backlog(self) -> None:
        raise NotImplementedError


Line = PureLine
if not TYPE_CHECKING:
    Line = hot(PureLine)
