"""TLS between a client and its socket, without I/O: bytes of one side go in, of the other come out.

A context of the standard library needs a socket of its own; two buffers do for any socket.
"""

from __future__ import annotations

import ssl

from actors.errors import ConfigError

_READ = 65_536


def context_of(tls: object, *, secure: bool) -> ssl.SSLContext | None:
    """Return what a client uses for ``wss``; :class:`~actors.errors.ConfigError` for no context."""
    if tls is not None and not isinstance(tls, ssl.SSLContext):
        raise ConfigError(f"tls: must be an ssl.SSLContext or None, and not a {type(tls).__name__}")
    if not secure:
        return None
    return ssl.create_default_context() if tls is None else tls


class TLS:
    """One connection from the client's side, with the name that its certificate must have."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._over = False

    @property
    def is_over(self) -> bool:
        """Whether the other side has said that it sends no more."""
        return self._over

    @property
    def has_outgoing(self) -> bool:
        """Whether the socket is to send something."""
        return self._outgoing.pending > 0

    def shake_hands(self, data: bytes = b"") -> bool:
        """Take what the socket got; return whether the handshake is done.

        ``ssl.SSLError`` where it failed, as with a certificate that is not good.
        """
        self._incoming.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def received(self, data: bytes) -> bytes:
        """Take what the socket got; return what the other side says."""
        self._incoming.write(data)
        parts = []
        try:
            while part := self._tls.read(_READ):
                parts.append(part)
            self._over = True
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            self._over = True
        return b"".join(parts)

    def send(self, data: bytes) -> None:
        """Encrypt ``data`` for :meth:`outgoing`."""
        if data:
            self._tls.write(data)

    def outgoing(self) -> bytes:
        """Return what the socket is to send; each byte is returned once."""
        return self._outgoing.read()
