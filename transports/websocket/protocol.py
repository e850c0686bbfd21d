"""The receiving side of a WebSocket server, sans I/O (RFC 6455, with RFC 7692 as an object).

Theory of operation
-------------------
``receive_data(bytes)`` returns what is complete, in the peer's order:

* ``str``: a text message; ``bytes``: a binary message;
* :class:`Ping`, :class:`Pong`: control frames, whose payload is ``None`` when there was none;
* :class:`PeerClose`: the peer's Close frame;
* an instance of :class:`~actors.errors.ProtocolError`: the connection must be failed with its
  ``close_code``.

The last two end it: whatever follows them is ignored (RFC 6455 §1.4, §7.1.7). A frame is judged by
its header, before any of its payload is kept. At most one incomplete frame and one incomplete
message are held, each bounded by the options; ``began`` says since when. ``special`` turns true
when an event is no message: a caller that clears it need not look at each event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, Final

from actors.errors import PayloadTooBig, PolicyViolation, ProtocolError
from transports.websocket import lifecycle
from transports.websocket.assembly import Assembly, decode_text, invalid_text
from transports.websocket.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    FIN,
    MAX_CONTROL_PAYLOAD,
    PING,
    RSV1,
    RSV2,
    RSV3,
    TEXT,
    WHOLE_BINARY,
    WHOLE_TEXT,
    check_control_header,
    check_minimal,
    parse_close,
)
from transports.websocket.lifecycle import CLOSING, OPEN
from transports.websocket.mask import apply_mask
from transports.websocket.record import Record

if TYPE_CHECKING:
    from transports.websocket.deflate import Deflate
    from transports.websocket.options import WebSocketOptions

CONTROL_BURST: Final = 10
"""Seconds' worth of control frames that may come at once."""

_BESIDE_DEFLATE: Final = RSV2 | RSV3
_RESERVED: Final = RSV1 | _BESIDE_DEFLATE

VIEW_ABOVE: Final = 2048
"""Bytes above which a payload is unmasked through a view: making one costs as much as copying."""

SHORT_PARTS: Final = tuple(Struct(f"xx4s{n}s").unpack_from for n in range(126))
"""Take the mask and the payload of a short frame apart, by its length: faster than two slices."""


@dataclass(slots=True)
class Ping:
    """A ping; the connection answers it with a pong of the same payload."""

    payload: bytes | None


@dataclass(slots=True)
class Pong:
    """A pong, asked for or not."""

    payload: bytes | None


@dataclass(slots=True)
class PeerClose:
    """The peer's Close frame; code 1005 where it was empty."""

    code: int
    reason: str


Event = str | bytes | Ping | Pong | PeerClose | ProtocolError


class Protocol(Record):
    """Reads bytes into the :class:`Record` of one connection.

    ``clock`` (monotonic seconds) is asked for control frames and parts of messages alone.
    """

    __slots__ = ("_clock", "_continues", "_deflate", "_fast", "_options", "_short_end", "special")

    def __init__(
        self, options: WebSocketOptions, clock: Callable[[], float], deflate: Deflate | None = None
    ) -> None:
        super().__init__()
        self._options = options
        self._clock = clock
        self._deflate = deflate
        self._fast = min(options.max_frame_size, options.max_message_size)
        self._short_end = 6 + min(self._fast, MAX_CONTROL_PAYLOAD)
        self._continues = False
        self.special = False

    @property
    def unfinished(self) -> bool:
        """Whether a message, or a frame of one, is not all there: it came from ``began`` on."""
        return self.buffer is not None or self.message is not None

    def receive_data(self, data: bytes) -> list[Event]:
        """Take what the peer sent; return what it completed."""
        size = len(data)
        if (
            6 <= size <= self._short_end
            and data[0] == 0x81
            and data[1] == size + 122
            and self.buffer is None
            and self.message is None
        ):
            # One short text message and nothing else, at half of what the loop below costs.
            try:
                return [apply_mask(data[6:], data[2:6]).decode()]
            except UnicodeDecodeError:
                pass  # told below
        elif (
            size > VIEW_ABOVE
            and data[1] == 0xFE
            and data[0] == 0x81
            and data[2] << 8 | data[3] == size - 8 <= self._fast
            and self.buffer is None
            and self.message is None
        ):
            # The same of a middling one: what is saved is a tenth of what its bytes cost.
            try:
                return [apply_mask(memoryview(data)[8:], data[4:8]).decode()]
            except UnicodeDecodeError:
                pass
        return self._receive(data)

    def _receive(  # noqa: C901, PLR0912 - the hot loop: a call per message would be its cost
        self, data: bytes
    ) -> list[Event]:
        events: list[Event] = []
        if self.buffer is not None:
            whole = self._join(self.buffer, data)
            if whole is None:
                return events
            data = whole
        else:
            self._continues = False
        if self.state is not OPEN and self.state is not CLOSING:
            return events
        start, end, fast = 0, len(data), self._fast
        try:
            if self.message is None:
                start = self._short_texts(data, events)
            while end - start >= 4:
                if data[start] != 0x81 or self.message is not None:
                    stop = self._frame(data, start, events)
                else:
                    # A whole text message: what a server sees most. Anything odd goes the long way.
                    length, head = data[start + 1] - 128, start + 2
                    if length > 125:  # in 2 bytes or, the long way, in 8
                        long = length == 127
                        length, head = data[head] << 8 | data[head + 1], head + 2
                        length = -1 if long or length < 126 else length
                    stop = head + 4 + length
                    if 0 <= length <= fast and stop <= end:
                        body = head + 4
                        if length > VIEW_ABOVE:
                            payload = apply_mask(memoryview(data)[body:stop], data[head:body])
                        else:
                            payload = apply_mask(data[body:stop], data[head:body])
                        events.append(payload.decode())
                    else:
                        stop = self._frame(data, start, events)
                if stop == start:
                    return events
                start = stop
            if start < end:
                self._short(data, start, events)
        except UnicodeDecodeError:
            self._fail(invalid_text(), events)
        except ProtocolError as error:
            self._fail(error, events)
        return events

    def _short_texts(self, data: bytes, events: list[Event]) -> int:
        """Take the short text messages that ``data`` begins with; return where they end."""
        start, end, most = 0, len(data), self._short_end - 6
        while end - start >= 6:
            length = data[start + 1] - 128
            stop = start + 6 + length
            if data[start] != 0x81 or length > most or length < 0 or stop > end:
                break
            mask, masked = SHORT_PARTS[length](data, start)
            events.append(apply_mask(masked, mask).decode())
            start = stop
        return start

    def _fail(self, error: ProtocolError, events: list[Event]) -> None:
        self._end(lifecycle.BREACH)
        self.special = True
        events.append(error)

    def _short(self, data: bytes, start: int, events: list[Event]) -> None:
        """Judge or keep the few bytes at the end of a read."""
        if len(data) - start >= 2:
            self._frame(data, start, events)
        else:
            self._wait(data, start, start + 2)

    def _join(self, buffer: bytearray, data: bytes) -> bytes | None:
        """Add to the frame that is not complete; return the bytes once it can be."""
        buffer += data
        if len(buffer) < self.need:
            return None
        self.buffer = None
        self._continues = True
        return bytes(buffer)

    def _wait(self, data: bytes, start: int, stop: int) -> None:
        """Keep the start of a frame until it reaches to ``stop``."""
        self._begin(start)
        self.need = stop - start
        self.buffer = bytearray(data[start:])

    def _begin(self, start: int) -> None:
        """Note when the message began whose frame at ``start`` is not its last, or not all there.

        What continues a message began before, and so did a frame that was waited for.
        """
        if self.message is None and (start or not self._continues):
            self.began = self._clock()

    def _frame(self, data: bytes, start: int, events: list[Event]) -> int:
        """Handle one frame of any kind; return where it ends, or ``start`` when it is not whole."""
        first, second = data[start], data[start + 1]
        opcode = first & 0x0F
        self._check_header(first, second, opcode)
        length, head = second & 0x7F, start + 2
        if length > MAX_CONTROL_PAYLOAD:
            size = 2 if length == 126 else 8
            if len(data) < head + size:
                self._wait(data, start, head + size)
                return start
            length = int.from_bytes(data[head : head + size], "big")
            head += size
            check_minimal(length, size)
        if opcode < CLOSE:
            self._check_size(length)
        body = head + 4
        stop = body + length
        if stop > len(data):
            self._wait(data, start, stop)
            return start
        masked: bytes | memoryview
        masked = memoryview(data)[body:stop] if length > VIEW_ABOVE else data[body:stop]
        payload = apply_mask(masked, data[head:body])
        if opcode >= CLOSE:
            self._control(opcode, payload, events)
            if opcode == CLOSE:  # the rest is ignored (RFC 6455 §1.4)
                return len(data)
        else:
            if not first & FIN:
                self._begin(start)
            self._data(first, opcode, payload, events)
        return stop

    def _check_header(self, first: int, second: int, opcode: int) -> None:
        """Apply RFC 6455 §5.1, §5.2, §5.4 and §5.5 to the bytes that every frame begins with."""
        if second < 128:
            raise ProtocolError("a frame from a client is not masked (RFC 6455 §5.1)")
        if opcode >= CLOSE:
            check_control_header(first, second, opcode)
        elif opcode > BINARY:
            raise ProtocolError(f"opcode {opcode:#x} is reserved (RFC 6455 §5.2)")
        elif opcode == CONTINUATION:
            if self.message is None:
                raise ProtocolError("a continuation of nothing (RFC 6455 §5.4)")
            if first & 0x70:
                raise ProtocolError("a RSV bit on a continuation (RFC 7692 §6.1)")
        elif self.message is not None:
            raise ProtocolError("a new message inside a fragmented one (RFC 6455 §5.4)")
        elif first & (_RESERVED if self._deflate is None else _BESIDE_DEFLATE):
            raise ProtocolError("a RSV bit without its extension (RFC 6455 §5.2)")

    def _check_size(self, length: int) -> None:
        options = self._options
        if length > options.max_frame_size:
            raise PayloadTooBig(f"a frame of {length} bytes; at most {options.max_frame_size}")
        held = 0 if self.message is None else self.message.wire
        if held + length > options.max_message_size:
            raise PayloadTooBig(f"a message of over {options.max_message_size} bytes")

    def _control(self, opcode: int, payload: bytes, events: list[Event]) -> None:
        self.special = True
        if opcode == CLOSE:
            close = PeerClose(*parse_close(payload))
            self._end(lifecycle.PEER_CLOSE)
            self.peer_code = close.code
            events.append(close)
            return
        self._count_control(self._clock())
        kind = Ping if opcode == PING else Pong
        events.append(kind(payload or None))

    def _count_control(self, now: float) -> None:
        """Bound the sustained rate by a bucket of :data:`CONTROL_BURST` seconds, full at first."""
        rate = self._options.max_control_rate
        most = rate * CONTROL_BURST
        left, at = self.control or (most, now)  # few peers ever send one
        left = min(left + (now - at) * rate, most)
        if left < 1:
            raise PolicyViolation(f"more than {rate} control frames per second")
        self.control = left - 1, now

    def _data(self, first: int, opcode: int, payload: bytes, events: list[Event]) -> None:
        message = self.message
        if message is None:
            if first == WHOLE_TEXT:
                events.append(decode_text(payload))
                return
            if first == WHOLE_BINARY:
                events.append(payload)
                return
            deflate = self._deflate if first & RSV1 else None
            message = self.message = Assembly(self._options, text=opcode == TEXT, deflate=deflate)
        message.add(payload)
        if first & FIN:
            self.message = None
            if self._deflate is not None and not events:  # nothing of this read is held yet
                self._deflate.begin_read()
            events.append(message.finish())

    def _end(self, event: lifecycle.Event) -> None:
        self.move(event)
        self.buffer = self.message = None
        self._short_end = self._fast = 0  # so that all goes the long way, which looks at the state
