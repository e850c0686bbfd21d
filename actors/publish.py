"""Publish from a process that serves nothing: a job, a cron script, a view of Django or Flask.

::

    from actors.publish import Publisher

    publisher = Publisher("unix:/run/app.sock")         # python -m actors.endpoint --publish ...
    publisher.broadcast("room:1", "new_msg", {"body": "hi"})

Here is the standard library alone: no gevent, and nothing is patched. docs/publishing.md is the
guide. In a process that serves, call ``endpoint.broadcast``.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from actors import publish_message
from actors.errors import ConfigError, PublishError
from actors.logs.escaping import escaped
from actors.publish_wire import (
    VISIBLE,
    Reader,
    connect_tcp,
    connect_unix,
    head,
    left_until,
    place_of,
    readable,
)

if TYPE_CHECKING:
    import ssl

__all__ = ["PublishError", "Publisher", "Receipt"]

MAX_IDLE: Final = 8
"""Connections that are kept for the next message; more threads at once open their own."""

MAX_AGE: Final = 30.0
"""Seconds without a message after which a connection is not used again: a server closes one after
60 s by default, and what is on the way may forget it unseen."""

MAX_TIMEOUT: Final = 86_400.0
"""Seconds that a step can be given: a day."""

_MAX_ANSWER: Final = 65_536


class Receipt(NamedTuple):
    """What a server says of a message that it has taken.

    ``accepted``: how many messages. ``workers``: to how many workers of that machine they went.
    How many clients were told cannot be known.
    """

    accepted: int
    workers: int


class Publisher:
    """Sends messages to a server that publishes them. Thread-safe, and may be made before a fork.

    ``to`` is ``"unix:PATH"`` or the URL of ``endpoint.publishing(...)``, whose ``key`` is needed
    there; a Unix socket needs none, so an empty one is none there. ``timeout``: seconds, up to a
    day, for each step as a whole: connecting, sending, the answer; how long a name is looked up
    before is the resolver's. ``tls``: for a URL whose certificate is not of a
    public authority. :class:`~actors.errors.ConfigError`: one of these cannot be.

    A message is sent once. Where :class:`~actors.errors.PublishError` says that there was no
    answer, it may have been published or not; nothing is repeated here.
    """

    def __init__(
        self,
        to: str,
        *,
        key: str | None = None,
        timeout: float = 5.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._place = place_of(to)
        _check_timeout(timeout)
        _check_key(key, needed=self._place.path is None)
        self._timeout = timeout
        self._tls = tls
        self._head = head(self._place, key)
        self._lock = threading.Lock()
        self._idle: list[tuple[float, socket.socket]] = []
        _publishers.add(self)
        self._finalizer = weakref.finalize(self, _close_all, self._idle)

    def __repr__(self) -> str:
        return f"Publisher({self._place.to!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept; a later message opens another."""
        with self._lock:
            _close_all(self._idle)

    def broadcast(
        self, topic: str, event: str, payload: Mapping[str, Any] | None = None
    ) -> Receipt:
        """Have ``event`` sent to every client that has joined ``topic``; nothing is ``{}``.

        :class:`~actors.errors.PublishError`: it was refused, or there was no answer. ``TypeError``
        or ``ValueError``, and nothing is sent: no server would take it. There is no JSON of it, as
        with bytes, NaN or a lone surrogate; it has over 1 MiB, or over 64 levels; a name is empty,
        or the protocol's own.
        """
        return self._publish(publish_message.broadcast(topic, event, payload))

    def disconnect(self, socket_id: str) -> Receipt:
        """Have the connections ended that ``ChannelSocket.id`` gave this name to.

        Errors as of :meth:`broadcast`.
        """
        return self._publish(publish_message.disconnect(socket_id))

    def _forked(self) -> None:
        """Begin anew in a forked child: a thread that is not there may hold the lock for ever."""
        self._lock = threading.Lock()
        _close_all(self._idle)  # they are our parent's, who goes on using them

    def _publish(self, body: bytes) -> Receipt:
        sock = self._send(b"%b%d\r\n\r\n%b" % (self._head, len(body), body))
        try:
            status, reason, said, reusable = self._answer(sock)
        except BaseException:
            sock.close()
            raise
        if reusable:
            self._keep(sock)
        else:
            sock.close()
        return _receipt(self._place.to, status, reason, said)

    # -- connections

    def _send(self, request: bytes) -> socket.socket:
        """Send ``request`` on a connection, and return that."""
        sock = self._take()
        if sock is not None:
            # Where the server has closed it meanwhile, not a byte is taken: then it is sent anew.
            try:
                sock.settimeout(self._timeout)
                sent = sock.send(request)
            except OSError:
                sock.close()
            else:
                self._send_all(sock, request[sent:])
                return sock
        sock = self._connect()
        self._send_all(sock, request)
        return sock

    def _send_all(self, sock: socket.socket, data: bytes) -> None:
        until = time.monotonic() + self._timeout
        rest = memoryview(data)
        try:
            while rest:  # sendall of TLS has its timeout for each record
                sock.settimeout(left_until(until))
                rest = rest[sock.send(rest) :]
        except ConnectionError:
            pass  # a server that refuses a body does not read it: its answer says why
        except OSError as error:
            sock.close()
            raise self._lost(error) from None

    def _take(self) -> socket.socket | None:
        """Return a connection that was kept and is still open."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, sock = self._idle.pop()
            if time.monotonic() - since < MAX_AGE and not readable(sock):
                return sock
            sock.close()

    def _keep(self, sock: socket.socket) -> None:
        with self._lock:
            if len(self._idle) < MAX_IDLE:
                self._idle.append((time.monotonic(), sock))
                return
        sock.close()

    def _connect(self) -> socket.socket:
        place = self._place
        try:
            if place.path is not None:
                return connect_unix(place.path, self._timeout)
            found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
            until = time.monotonic() + self._timeout
            sock = connect_tcp(found, until)
            try:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(left_until(until))
                return self._secured(sock) if place.secure else sock
            except BaseException:
                sock.close()
                raise
        except (ConnectionRefusedError, FileNotFoundError) as error:
            raise _error(f"{place.to}: nobody serves there ({error.strerror})") from None
        except TimeoutError:
            raise _error(f"{place.to}: no connection in {self._timeout:g} s") from None
        except (OSError, UnicodeError) as error:  # the latter: no host can have that name
            why = getattr(error, "strerror", None) or error
            raise _error(f"{place.to}: no connection: {why}") from None

    def _secured(self, sock: socket.socket) -> socket.socket:
        from ssl import create_default_context  # noqa: PLC0415 - costs 10 ms, and is seldom needed

        if self._tls is None:
            self._tls = create_default_context()
        return self._tls.wrap_socket(sock, server_hostname=self._place.host)

    def _answer(self, sock: socket.socket) -> tuple[int, str, bytes, bool]:
        """Return status, reason and body of the answer, and whether another may follow."""
        from http.client import HTTPException, HTTPResponse  # noqa: PLC0415 - imports ssl

        until = time.monotonic() + self._timeout
        response = HTTPResponse(Reader(sock, until), method="POST")  # type: ignore[arg-type]
        try:
            response.begin()
            _check_length(response.headers.get_all("content-length", []))
            said = response.read(_MAX_ANSWER)
            reusable = response.isclosed() and not response.will_close
        except (OSError, ValueError, HTTPException) as error:
            raise self._lost(error) from None
        finally:
            response.close()
        if response.length and len(said) < _MAX_ANSWER:
            raise self._lost(EOFError("it ends in the middle"))
        return response.status, response.reason, said, reusable

    def _lost(self, error: Exception) -> PublishError:
        why = f"in {self._timeout:g} s" if isinstance(error, TimeoutError) else f"({error!s:.200})"
        hint = ", is it another user's?" if _of_another_user(self._place.path) else ""
        words = f"{self._place.to}: no answer {why}: it may have been published or not"
        return _error(words if isinstance(error, TimeoutError) else f"{words}{hint}")


def _error(words: str, status: int | None = None) -> PublishError:
    """Return what is raised; what a server says may hold what a terminal obeys."""
    return PublishError(escaped(words), status)


def _check_length(given: list[str]) -> None:
    """Raise where an answer's length is none: http.client takes that for an answer without one."""
    if any(not (each.isascii() and each.isdigit()) for each in given):
        raise ValueError("its Content-Length is none")


def _of_another_user(path: str | None) -> bool:
    """Whether a socket's file is another user's, whose server may not let us in."""
    try:
        return path is not None and Path(path).stat().st_uid != os.geteuid()
    except OSError:  # it is gone meanwhile
        return False


def _check_timeout(timeout: object) -> None:
    wanted = f"must be a number of seconds above 0, and at most {MAX_TIMEOUT:g}"
    number = isinstance(timeout, int | float) and not isinstance(timeout, bool)
    if not number or not 0 < timeout <= MAX_TIMEOUT:  # type: ignore[operator]
        raise ConfigError(f"timeout={timeout!r:.80}: {wanted}")


def _check_key(key: object, *, needed: bool) -> None:
    if key is None or (key == "" and not needed):
        return
    if key == "":
        raise ConfigError("key: is empty: must be a str of visible ASCII characters")
    if not isinstance(key, str) or not VISIBLE.fullmatch(key):
        raise ConfigError("key: must be a str of visible ASCII characters")


_publishers: weakref.WeakSet[Publisher] = weakref.WeakSet()


def _forked() -> None:
    for publisher in list(_publishers):
        publisher._forked()  # noqa: SLF001 - our own


os.register_at_fork(after_in_child=_forked)


def _close_all(idle: list[tuple[float, socket.socket]]) -> None:
    while idle:
        with suppress(OSError):
            idle.pop()[1].close()


def _receipt(to: str, status: int, reason: str, said: bytes) -> Receipt:
    try:
        answer = json.loads(said)
    except (ValueError, RecursionError):
        answer = None
    match status, answer:
        case 200, {"accepted": int(accepted), "workers": int(workers)}:
            return Receipt(accepted, workers)
        case 200, _:
            raise _error(f"{to}: answered what is no receipt: is it another server?", 200)
        case _, {"error": str(error)}:
            raise _error(f"{to}: refused with {status}: {error:.500}", status)
    raise _error(f"{to}: refused with {status} {reason:.80}", status)
