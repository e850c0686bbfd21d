"""The WebSocket side of one connection: events into the mailbox, results into frames.

This is the one place where a callback's result becomes frames. Which close code a reason has is
``transports/closing.py``'s to say.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any, Final

from actors import telemetry
from actors.crash_log import capped
from actors.errors import ProtocolError
from actors.messages import ConnectionEnded, Control, Opcode, Receipt
from actors.metrics.traffic import NOTHING, TRAFFIC
from actors.reasons import Closed, Failure, Killed, Reason, Shutdown, as_reason
from actors.results import Push, Reply, Stop
from actors.runtime.actor import Exit
from actors.speedups import compiled
from transports import closing
from transports.delivering import deliver_all, deliver_rest
from transports.tcp.protocol import StreamProtocol
from transports.tcp.stream import READ_SIZE, Stream
from transports.websocket import lifecycle as life
from transports.websocket.close_wait import CloseWait
from transports.websocket.deadlines import is_overdue, next_look
from transports.websocket.frames import encode, encode_close
from transports.websocket.lifecycle import CLOSED, FAILED, OPEN, PEER_CLOSED
from transports.websocket.line import Line
from transports.websocket.outgoing import message_frame, payload_frame
from transports.websocket.protocol import PeerClose, Ping, Pong, Protocol
from transports.websocket.read_rate import ReadRate

if TYPE_CHECKING:
    from actors.logs.provenance import Provenance
    from actors.runtime.timers import Timer
    from actors.socket import Socket
    from transports.opening.clients import Clients
    from transports.websocket.deflate import Deflate
    from transports.websocket.options import WebSocketOptions

TEXT, BINARY = Opcode.TEXT, Opcode.BINARY

MAX_WAITING_BYTES: Final = 65536
MAX_WAITING_EVENTS: Final = 128
"""What is read on behalf of a socket that is busy; beyond, its client is not read from."""

SLOW: Final = Shutdown("slow_consumer")
"""The exit reason of a socket whose client does not read."""

LINES: Final = capped(logging.getLogger("roost.transports"))

LINGER_AFTER_FAILURE: Final = 1.0
"""Seconds; a client that broke the protocol is not waited for."""


class WebSocketConnection(Line, StreamProtocol):
    """Between a stream, a protocol and the socket actor of one client."""

    __slots__ = (
        "_busy", "_clients", "_close_frame", "_holds", "_options", "_rate", "_rest", "_since",
        "_timer", "_wants_control", "actor", "protocol", "provenance",
    )  # fmt: skip

    def __init__(
        self,
        stream: Stream,
        options: WebSocketOptions,
        clients: Clients,
        deflate: Deflate | None = None,
    ) -> None:
        self._clients = clients
        self.stream = stream
        self.dispatcher = stream.dispatcher
        self.provenance: Provenance | None = None
        self._options = options
        self.deflate = deflate
        self.max_queue = min(options.max_send_queue, sys.maxsize)
        self.ended = False
        self.heard = 0.0
        self.protocol = Protocol(options, self.dispatcher.clock, deflate)
        self.out = []
        self.waiting = 0
        self.bytes_in = self.bytes_out = self.messages_in = self.messages_out = 0
        self.counted = TRAFFIC.wanted or telemetry.listens("connection.closed")
        self.told = NOTHING
        self._close_frame: closing.CloseFrame | None = None
        self._timer: Timer | None = None
        self._busy = False
        self._holds = self.posted = 0
        self._rest: Timer | None = None
        rate, now = options.max_read_rate, self.dispatcher.now
        self._rate = None if rate is None else ReadRate(rate, now)
        self._since = self.protocol.heard = self.protocol.pinged = now

    def attach(self, actor: Socket, *, wants_control: bool, runs_alone: bool) -> None:
        """Operate ``actor``, whose ``handle_control`` is asked only if it has one of its own.

        ``runs_alone``: its turns are those of :class:`~actors.socket.Socket`.
        What comes before the actor's ``on_begin`` has run waits in its mailbox.
        """
        self.actor = actor
        self.inbox = actor.actor_inbox
        self._wants_control = wants_control
        self.stream.send_timeout = self._options.send_timeout
        self.stream.limit_reads(READ_SIZE)  # frames are judged by their headers
        if compiled is not None and type(self.stream) is Stream and self.deflate is None:
            if self._rate is None and not self.stream.closed:
                largest = min(self._options.max_frame_size, self._options.max_message_size)
                self.take_over(min(largest, sys.maxsize))
            if runs_alone:
                self.inbox.serve(self)

    def begin_deadlines(self, spare: Timer | None) -> None:
        """Look at the deadlines from now on."""
        due = next_look(self.protocol, self._options, self.protocol.heard, paused=False)
        if due is None:
            super().begin_deadlines(spare)
        else:
            self._timer = self.dispatcher.timers.take_over(spare, due, self._tick)

    # -- from the client

    def data_received(self, data: bytes, before: list[Any] | None = None) -> None:
        """Put what the bytes complete into the mailbox.

        ``before``: the messages that a compiled build has found in front of them.
        """
        protocol = self.protocol
        protocol.heard = self.dispatcher.now
        events: list[Any] = protocol.receive_data(data)
        if protocol.special:
            protocol.special = False
            events = self._serve(events)
            if self.counted:  # what is added below is not all messages
                self.messages_in -= sum(not isinstance(each, str | bytes) for each in events)
        if self.counted:
            self.bytes_in += len(data)
            self.messages_in += len(events)
        if before:
            events = before + events
        if not events:
            return
        if self._rate is not None:
            self._slow_down(self._rate, len(events))
        if not self.inbox.offer(events):
            self.bound_waiting(events)

    def bound_waiting(self, events: list[Any]) -> None:
        """Hold events for a busy actor, up to a point: then the kernel and the peer must wait."""
        inbox = self.inbox
        # Of each event, not of the read that made it whole: it may be the last of many.
        self.waiting += sum(len(e) if isinstance(e, str | bytes) else 1 for e in events)
        if self.waiting > MAX_WAITING_BYTES or len(inbox.items) > MAX_WAITING_EVENTS:
            self._busy = True
            self._pause()
            inbox.add([Receipt(self._read_on)])

    def _read_on(self, handled: bool) -> None:  # noqa: ARG002, FBT001 - Receipt's callback
        """The client's part is handled, though what others tell the actor may never end."""
        self.waiting = 0
        self._busy = False
        self._resume()

    def is_settled(self) -> bool:
        """Whether the next byte begins a message."""
        return not self.protocol.unfinished and self.protocol.state is OPEN

    def _slow_down(self, rate: ReadRate, messages: int) -> None:
        """Let a client wait that sends more messages than its mount reads in a second."""
        now = self.dispatcher.clock()
        seconds = rate.spend(messages, now)
        if seconds and self._rest is None:
            self._pause()
            due = min(now + seconds, rate.until)
            self._rest = self.dispatcher.timers.call_at(due, self._rested)

    def _rested(self) -> None:
        self._rest = None
        if self._rate is not None and self.dispatcher.clock() >= self._rate.until:
            self.inbox.signal(Shutdown("flood"))
        else:
            self._resume()

    def _pause(self) -> None:
        if not self.stream.paused:
            self.protocol.paused_at = self.dispatcher.clock()
            self.stream.pause_reading()

    def _resume(self) -> None:
        """Read again, unless there is another reason not to; no deadline ran meanwhile."""
        if not (self._busy or self._holds or self._rest) and self.stream.paused:
            protocol = self.protocol
            protocol.heard = self.dispatcher.clock()  # nobody listened until now
            protocol.began += protocol.heard - protocol.paused_at
            self.stream.resume_reading()

    def _serve(self, events: list[Any]) -> list[Any]:
        """Answer pings, and turn what is no message into what the actor understands."""
        wanted: list[Any] = []
        for event in events:
            kind = type(event)
            if kind is Ping or kind is Pong:
                if kind is Ping:
                    self._pong(event.payload or b"")
                if self._wants_control:
                    opcode = Opcode.PING if kind is Ping else Opcode.PONG
                    wanted.append(Control(event.payload, opcode))
            elif kind is PeerClose:
                wanted.append(ConnectionEnded(Closed(event.code, event.reason)))
            elif isinstance(event, ProtocolError):
                path, words = self._clients.path, "%s: closed a client of %s: %s"
                at, peer = (path, event.close_code), self.stream.peer[0]
                LINES.log(logging.INFO, at, words, path, peer, event)
                wanted.append(ConnectionEnded(Failure(event)))
            else:
                wanted.append(event)
        return wanted

    def _pong(self, payload: bytes) -> None:
        """Answer a ping; to a peer that does not read only the latest (RFC 6455 §5.5.3)."""
        if self.stream.queued:
            self.protocol.pong = payload
            self.stream.on_drained = self._send_pong
        else:
            self._write_control(encode(Opcode.PONG, payload))

    def _send_pong(self) -> None:
        payload, self.protocol.pong = self.protocol.pong, None
        self._write_control(encode(Opcode.PONG, payload or b""))

    def _write_control(self, frame: bytes) -> None:
        self.bytes_out += len(frame)
        self.stream.write(frame)

    def eof_received(self) -> None:
        """The client hung up without a Close frame."""
        self.connection_lost(None)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 - one reason for all
        """End the actor, once it has handled what came before."""
        if self.protocol.move(life.HANGUP):  # else it has been told an end already
            self.inbox.add([ConnectionEnded(Closed())])

    def drain(self) -> None:
        """End with 1012: the server goes away, and the client should come back elsewhere."""
        self.inbox.signal(Shutdown("restart"))

    def end_now(self) -> None:
        """Tell the client 1012 although its socket is busy, and end the socket at once."""
        self.on_ended(Shutdown("restart"))
        self.actor.kill_now()

    # -- to the client

    def deliver_odd(self, result: Any) -> None:
        """Send what is no plain message, or end for a ``Stop``."""
        kind = type(result)
        if kind is Reply or kind is Push:
            self.put(payload_frame(result.payload, result.opcode, self.deflate))
        elif kind is Stop:
            self._stop(result)
        else:
            deliver_rest(result, self.deliver)

    def _stop(self, stop: Stop) -> None:
        frame = closing.stop_frame(stop)
        deliver_all(stop.push, self.deliver)
        self._close_frame = frame
        raise Exit(as_reason(stop.reason))

    @property
    def lane_key(self) -> Hashable:
        """Equal for connections that frame a message in the same way."""
        return "ws" if self.deflate is None else ("ws", self.deflate.window_bits)

    def prepare(self, frame: tuple[Opcode, bytes]) -> bytes:
        """Return the frame of a channel's message."""
        return message_frame(*frame, self.deflate)

    def hold(self) -> None:
        """Stop reading: a channel of the client's is behind."""
        self._holds += 1
        self._pause()

    def release(self) -> None:
        """Read again, unless another channel is behind."""
        self._holds -= 1
        self._resume()

    def on_blocked(self) -> None:
        """Send what there is: a callback blocks, or has produced much."""
        if self.out and not self.ended:
            self._write_out()
            self.bound_backlog()

    def _write_out(self) -> None:
        data = b"".join(self.out)
        self.bytes_out += len(data)
        self.messages_out += len(self.out)
        self.stream.write(data)
        self.out.clear()

    def bound_backlog(self) -> None:
        queued, inbox = self.stream.queued, self.inbox
        if queued > self._options.max_send_queue and not inbox.closed:
            first = SLOW not in (inbox.signals or ())
            inbox.signal(SLOW)
            if first:
                words = "ended a client of %s that does not read: %d bytes wait (max_send_queue)"
                LINES.log(logging.INFO, "slow_consumer", words, self.stream.peer[0], queued)
                self._clients.slow(self.actor, queued)

    # -- time

    def _tick(self) -> float | None:
        now, options, protocol = self.dispatcher.clock(), self._options, self.protocol
        protocol.heard = max(protocol.heard, self.heard)
        if self.stream.paused:
            protocol.heard = now  # the client may say more than is read: it waits for its socket
        if options.timeout is not None and protocol.heard + options.timeout <= now:
            self.inbox.signal(Shutdown("timeout"))
            return None
        if is_overdue(protocol, options, now, paused=self.stream.paused):
            self.inbox.signal(Shutdown("message_timeout"))
            return None
        if options.ping_interval is not None and protocol.pinged + options.ping_interval <= now:
            protocol.pinged = now
            if not self.stream.queued:  # else it would only wait with the rest
                self._write_control(encode(Opcode.PING, b""))
        return next_look(protocol, options, now, paused=self.stream.paused)

    # -- the log

    def log_context(self) -> Mapping[str, str]:
        return self.actor.on_log_context()

    def log_fields(self) -> Mapping[str, Any]:
        return self.actor.log_context()

    def log_secrets(self) -> tuple[object, ...]:
        return self.actor.on_log_secrets()

    # -- the end

    def on_ended(self, reason: Reason) -> None:
        """Send what is left and the Close frame; wait for the client's, but not for long."""
        protocol = self.protocol
        before, cut = protocol.state, self.stream.closing or isinstance(reason, Killed)
        frame = None if cut else self._last_frame(reason)
        if not protocol.move(life.DROPPED if frame is None else life.CLOSE_SENT):
            return  # it has ended before
        self._close(before, frame, cut=cut)
        TRAFFIC.fold(self)
        sent = None if frame is None else frame[0]
        code = reason.code if isinstance(reason, Closed) else sent
        duration = self.dispatcher.clock() - self._since
        self._clients.closed(self, self.stream.peer[0], duration, reason, code)

    def _close(self, before: life.State, frame: closing.CloseFrame | None, *, cut: bool) -> None:
        stream, protocol = self.stream, self.protocol
        self.ended = True
        for timer in (self._timer, self._rest):
            if timer is not None:
                timer.cancel()
        stream.protocol = stream.on_drained = None
        if cut:
            stream.abort()
            return
        if frame is not None:
            self.out.append(encode_close(*frame))
            self.messages_out -= 1  # it is none
        if self.out:
            self._write_out()
        if protocol.state is CLOSED:
            stream.close(LINGER_AFTER_FAILURE if before is FAILED and frame is not None else 0)
        elif stream.closed:
            protocol.move(life.HANGUP)
        else:
            stream.protocol = CloseWait(stream, protocol, self._options.close_timeout)
            stream.resume_reading()

    def _last_frame(self, reason: Reason) -> closing.CloseFrame | None:
        """Return the Close frame to send; ``None`` where nobody waits for one."""
        if isinstance(reason, Closed):  # its own code goes back (RFC 6455 §5.5.1)
            protocol = self.protocol
            return (protocol.peer_code, "") if protocol.state is PEER_CLOSED else None
        return self._close_frame or closing.close_frame(reason)
