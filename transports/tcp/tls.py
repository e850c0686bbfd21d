"""A stream inside TLS: the same life, with OpenSSL between two memory buffers."""

from __future__ import annotations

import ssl
from select import EPOLLIN, EPOLLOUT
from typing import Any, Final

from actors.runtime.dispatcher import Dispatcher
from actors.runtime.timers import Timer
from transports.tcp.stream import LINGER, Stream

HANDSHAKE_TIMEOUT: Final = 5.0
"""Seconds from the accept to the end of the handshake."""


class TLSStream(Stream):
    """What ``protocol`` writes before the end of the handshake waits for it.

    A client that takes over ``handshake_timeout`` seconds for that is cut off. Renegotiation is not
    supported: ``context`` should forbid it.

    A read of the socket may hold many records, and a record 16 KiB of whatever is dear. So what was
    read is handed on in steps, as large as a read of a plain stream may be, each in a poll phase of
    its own; the socket is not read meanwhile.
    """

    __slots__ = (
        "_early", "_handshake_timer", "_holds_more", "_incoming", "_open", "_outgoing", "_tls",
    )  # fmt: skip

    scheme = "https"

    def __init__(
        self,
        sock: Any,
        peer: tuple[str, int],
        dispatcher: Dispatcher,
        context: ssl.SSLContext,
        handshake_timeout: float = HANDSHAKE_TIMEOUT,
    ) -> None:
        super().__init__(sock, peer, dispatcher)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._open = False
        self._holds_more = False
        self._plain = False
        self._early = b""
        self._handshake_timer: Timer | None = dispatcher.timers.call_later(
            handshake_timeout, self.abort
        )

    def on_events(self, mask: int) -> None:
        """Serve what epoll said, but read no more while there is something to hand on."""
        if not self._holds_more:
            super().on_events(mask)
            return
        if mask & EPOLLOUT or self.paused:
            super().on_events(mask & ~EPOLLIN)
        if self._holds_more and not self.paused and self.fd >= 0:
            try:
                self._hand_on()
            except Exception as error:  # noqa: BLE001 - as in Stream.on_events
                self.failed(error)

    def received(self, data: bytes) -> None:
        if not data or self.is_closing:
            super().received(data)
            return
        self._incoming.write(data)
        self._hand_on()

    def _hand_on(self) -> None:
        self._holds_more = False
        try:
            if not self._open:
                self._shake_hands()
            self._decrypt()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            self._send_outgoing()  # OpenSSL's alert, so that the peer learns why
            self._lost(error)
        self._send_outgoing()
        if self._holds_more:
            self._watch()

    def _shake_hands(self) -> None:
        self._tls.do_handshake()
        self._open = True
        self._stop_handshake_timer()
        if self._early:
            early, self._early = self._early, b""
            self.write(early)

    def _decrypt(self) -> None:
        """Hand on one step; what is left waits for the next, or until reading goes on."""
        left = self.read_size
        while not self.closing:
            if left <= 0 or self.paused:
                self._holds_more = self._tls.pending() > 0 or self._incoming.pending > 0
                return
            data = self._tls.read(left)
            left -= len(data)
            super().received(data)
            if not data:
                return  # close_notify: OpenSSL would answer b"" for ever

    def _watch(self) -> None:
        """Ask for the next step as well, as epoll does not know of it."""
        super()._watch()
        if self._holds_more and not self.paused:
            self.dispatcher.call_again(self.fd, EPOLLIN)

    def _send_outgoing(self) -> None:
        data = self._outgoing.read()
        if data:
            super().write(data)

    def write(self, data: bytes) -> None:
        """Encrypt and send; before the end of the handshake, keep."""
        if self.is_closing or self.fd < 0:
            return
        if not self._open:
            self._early += data
            return
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            self._lost(error)
            return
        self._send_outgoing()

    def close(self, linger: float = LINGER) -> None:
        """Send OpenSSL's close_notify first (RFC 8446 §6.1); amid a handshake, just close."""
        if not self._open:
            self.abort()
        elif not self.closing:
            try:
                self._tls.unwrap()
            except ssl.SSLError:
                pass  # the peer's own close_notify is not awaited
            self._send_outgoing()
            super().close(linger)

    def _lost(self, error: Exception | None) -> None:
        self._stop_handshake_timer()
        super()._lost(error)

    def _stop_handshake_timer(self) -> None:
        if self._handshake_timer is not None:
            self._handshake_timer.cancel()
            self._handshake_timer = None
