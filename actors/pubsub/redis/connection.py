"""One connection to a Redis: dialled, greeted, and read with deadlines, on gevent's sockets.

hiredis reads what the server says. It speaks RESP2: what is published comes as arrays, and a
subscriber may say PING.
"""

from __future__ import annotations

import ssl as stdlib_ssl
from collections.abc import Callable, Iterator
from typing import Any, Final

import hiredis
from gevent import socket, ssl

from actors.errors import ConfigError
from actors.pubsub.redis.frames import MAX_MESSAGE
from actors.pubsub.redis.schedule import SILENCE
from actors.redis_options import TLS, Address

READ_SIZE: Final = 256 * 1024

MAX_REPLY: Final = MAX_MESSAGE + 64 * 1024
"""Bytes of one reply, or of one message with what Redis writes around it."""


class LinkError(Exception):
    """This connection is of no use: why, in words, without secrets."""


class Connection:
    """``name`` is what it is called in ``CLIENT LIST``.

    It raises ``OSError`` and :class:`LinkError`. :meth:`close` ends it, from any greenlet.
    """

    def __init__(self, address: Address, name: str) -> None:
        self._reader = hiredis.Reader(replyError=str_error)
        self._incomplete = 0
        self.early: list[Any] = []
        """What came before somebody wanted it: :meth:`replies` yields it first."""
        self.sock = _dial(address)
        try:
            self._greet(address, name)
        except BaseException:
            self.close()
            raise

    def _greet(self, address: Address, name: str) -> None:
        self.sock.settimeout(SILENCE)
        login = ["AUTH", address.user or "default", address.password] if address.password else []
        hello = self.ask("HELLO", "2", *login, "SETNAME", name)
        check_role(hello)
        if address.db:
            self.ask("SELECT", str(address.db))

    def close(self) -> None:
        """Hang up."""
        self.sock.close()

    def write(self, data: bytes) -> None:
        """Send all of ``data``, waiting :data:`SILENCE` at a time for the server to read."""
        self.sock.sendall(data)

    def ask(self, *command: str | bytes) -> Any:
        """Send a command and return its reply; an error of the server's is :class:`LinkError`."""
        self.write(packed(*command))
        reply = self.next()
        if isinstance(reply, Exception):
            raise LinkError(str(reply))
        return reply

    def next(self) -> Any:
        """Wait for the next reply."""
        while (reply := self.waiting()) is False:
            self.receive()
        return reply

    def waiting(self) -> Any:
        """Return a reply that has been read, ``False`` for none."""
        try:
            reply = self._reader.gets()
        except hiredis.ProtocolError as error:
            raise LinkError(f"it does not speak RESP: {error}") from None
        if reply is not False:
            self._incomplete = 0
        return reply

    def receive(self) -> None:
        """Wait for bytes; ``TimeoutError``: none came in :data:`SILENCE` seconds."""
        data = self.sock.recv(READ_SIZE)
        if not data:
            raise LinkError("it has hung up")
        self._incomplete += len(data)
        if self._incomplete > MAX_REPLY + READ_SIZE:
            raise LinkError(f"a reply of over {MAX_REPLY} bytes")
        self._reader.feed(data)

    def replies(self, alive: Callable[[], object]) -> Iterator[Any]:
        """Yield replies for ever. ``alive()`` asks for a sign of life when there is silence."""
        yield from self.early
        asked = False
        while True:
            while (reply := self.waiting()) is not False:
                asked = False
                yield reply
            try:
                self.receive()
            except TimeoutError:
                if asked:
                    raise LinkError(f"no answer within {2 * SILENCE:g} s") from None
                asked = True
                alive()


class ServerError(Exception):
    """What Redis answers instead of a reply."""


def str_error(text: str) -> ServerError:
    """Make an error of what Redis says, which may be anything."""
    return ServerError(text[:200])


def packed(*command: str | bytes) -> bytes:
    """Return a command as it is written."""
    written: bytes = hiredis.pack_command(command)  # type: ignore[arg-type]  # of any length
    return written


def check_role(hello: Any) -> None:
    """Refuse a replica: what is published there is not heard at its master."""
    facts = hello if isinstance(hello, list) else []
    said = dict(zip(facts[::2], facts[1::2], strict=False)) if _flat(facts) else {}
    role = said.get(b"role")
    if role is None:
        raise LinkError("it does not answer HELLO as Redis 6 does")
    if role in {b"replica", b"slave"}:
        raise LinkError("it is a read-only replica: its master would not hear us")


def _flat(facts: list[Any]) -> bool:
    return all(isinstance(each, bytes) for each in facts[::2])


def _dial(address: Address) -> Any:
    if address.path:
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.settimeout(SILENCE)
            sock.connect(address.path)
        except BaseException:
            sock.close()
            raise
        return sock
    sock = socket.create_connection((address.host, address.port), timeout=SILENCE)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if address.tls is None:
            return sock
        return tls_context(address.tls).wrap_socket(sock, server_hostname=address.host)
    except BaseException:
        sock.close()
        raise


def tls_context(given: TLS) -> Any:
    """Return the context of a ``rediss://`` address; :class:`ConfigError` names a file."""
    context = ssl.SSLContext(stdlib_ssl.PROTOCOL_TLS_CLIENT)  # gevent's: else a read blocks us all
    context.minimum_version = stdlib_ssl.TLSVersion.TLSv1_2
    try:
        if given.ca_certs:
            context.load_verify_locations(given.ca_certs)
        else:
            context.load_default_certs()
        context.check_hostname = given.check_hostname
        if not given.verify:
            context.verify_mode = stdlib_ssl.CERT_NONE
        if given.certfile:
            context.load_cert_chain(given.certfile, given.keyfile, password=_no_password)
    except (OSError, ValueError) as error:
        names = [each for each in (given.ca_certs, given.certfile, given.keyfile) if each]
        raise ConfigError(f"redis: {' or '.join(names)}: {error}") from None
    return context


def _no_password() -> str:
    raise ValueError("the key has a password")
