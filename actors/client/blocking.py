"""The client on gevent: calls wait in their greenlet, and others run meanwhile.

A client, its channels and its pushes belong to the thread that connected it; in a Roost server any
actor may use them. Other threads must not: ``gevent``'s ``loop.async_`` or a queue leads to it.
Nothing is patched, and nothing has to be.
"""

from __future__ import annotations

import random
import ssl
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Self, Unpack

import gevent
from gevent.event import Event
from gevent.monkey import get_original

from actors.client import effects
from actors.client.arguments import check_seconds
from actors.client.blocking_wire import BlockingWire, Spawned
from actors.client.channel_surface import ChannelSurface
from actors.client.channels.request import Answer, Request
from actors.client.messages import Message
from actors.client.options import ClientKeywords
from actors.client.push_surface import PushSurface
from actors.client.surface import ClientSurface
from actors.client.tls import context_of
from actors.client.websocket import WebSocket
from actors.client.wire import Wire
from actors.crash_text import crash
from actors.errors import ConnectFailed, MessageTimeout

# In a patched program threading.get_ident tells greenlets, not threads.
_thread_id: Callable[[], int] = get_original("_thread", "get_ident")


class Push(PushSurface):
    """An event that was pushed."""

    def __init__(self, client: Client, request: Request) -> None:
        self._settled = Event()
        super().__init__(client, request, self._settled)

    def get(self, timeout: float | None = None) -> Answer:
        """Wait for the reply, up to ``timeout`` seconds and at most up to that of the push.

        Return ``Ok(response)``, ``Error(response)``, or ``Reply(response, status)`` for another
        status. :class:`~actors.errors.ReplyTimeout`: none came in time.
        :class:`~actors.errors.ReplyLost`: the channel or the connection ended before.
        :class:`~actors.errors.NotJoined`: it was never sent, as the channel is closed.
        """
        self._begin_waiting(timeout)
        if not self._settled.wait(timeout):
            raise self._late(timeout)
        return self._outcome()


class Channel(ChannelSurface):
    """A topic of a client, made by :meth:`Client.channel`; iterate over it for its messages.

    Messages whose event has no callback (:meth:`on`) wait to be iterated over: at most
    ``max_queue`` of them and ``max_queue_bytes``. Where they are more the oldest are dropped, and
    counted in :attr:`dropped`. Iteration ends when the channel is closed.
    """

    def __init__(self, client: Client, topic: str, payload: object) -> None:
        super().__init__(client, client.membership(topic), payload)
        self._client = client
        self._news = Event()

    def join(self, timeout: float | None = None) -> Answer:
        """Join, and stay joined until :meth:`leave`, over lost connections and crashes too.

        Return the first answer: ``Ok(response)``, or ``Error(response)``, and then it is closed.
        :class:`~actors.errors.ReplyTimeout` where none came in ``timeout`` seconds (the client's
        by default, the time that it waits for a connection included): it is closed then too.
        ``ClientError`` where it is joined already, or another one tries. Where this is interrupted
        (by ``gevent.Timeout``, by a kill) it is closed, and left where it may have been joined.
        """
        request = self._client.join_channel(self, timeout)
        try:
            return Push(self._client, request).get()
        except BaseException as error:
            if error is not request.outcome:
                self._client.abandon_join(self, request)
            raise

    def push(self, event: str, payload: object = None, timeout: float | None = None) -> Push:
        """Send ``event`` with an object of JSON, or with bytes; return at once.

        It waits until the channel is joined, where that is not so now. ``timeout`` seconds from
        now (the client's by default) it is given up: not sent, or not waited for any more.
        :class:`~actors.errors.NotJoined`: nobody joined it. :class:`~actors.errors.BufferFull`:
        too many wait. ``TypeError``, ``ValueError``: it cannot be sent.
        """
        return Push(self._client, self._client.push(self, event, payload, timeout))

    def leave(self, timeout: float | None = None) -> None:
        """Leave, and wait until the server has answered, or for ``timeout`` seconds."""
        Push(self._client, self._client.leave(self, timeout)).get()

    def next_message(self, timeout: float | None = None) -> Message | None:
        """Wait for the next message without a callback; ``None``: the channel is closed.

        :class:`~actors.errors.MessageTimeout`, which is a ``TimeoutError`` too, where none came in
        ``timeout`` seconds.
        """
        self._client.check_owner()
        check_seconds("timeout", timeout)
        until = None if timeout is None else time.monotonic() + timeout
        while not len(self.inbox):
            if self.is_over:
                return None
            self._news.clear()
            left = None if until is None else max(0.0, until - time.monotonic())
            if not self._news.wait(left):
                raise MessageTimeout(f"{self.topic}: no message in {timeout:g} s")
        return self.inbox.take()

    def __iter__(self) -> Iterator[Message]:
        while (message := self.next_message()) is not None:
            yield message

    def wake(self) -> None:
        self._news.set()


class Client(ClientSurface[Channel]):
    """A connection to the socket at ``url``, such as ``wss://example.com/socket``, kept alive.

    ``params`` are a mapping, or a function that is asked anew at each attempt; ``auth_token`` is
    what phoenix.js from 1.8 on calls ``authToken``, or such a function. ``headers`` are added to
    the request. ``tls`` is used for ``wss``, by default what the standard library trusts. The rest
    are options (:class:`~actors.client.options.ClientOptions`, docs/client.md).

    As a context manager it connects, and closes at the end.
    """

    def __init__(
        self,
        url: str,
        params: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
        *,
        auth_token: str | Callable[[], str] | None = None,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        **options: Unpack[ClientKeywords],
    ) -> None:
        super().__init__(url, params, auth_token, headers, options, time.monotonic, random.random)
        self._context = context_of(tls, secure=self.address.secure)
        self._caller: Spawned | None = None
        self._changed = Event()

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def connect(self, timeout: float | None = None, *, wait: bool = True) -> None:
        """Connect, and stay connected until :meth:`close`; wait for the first connection.

        :class:`~actors.errors.ConnectFailed`: there was none in ``timeout`` seconds
        (``connect_timeout`` by default), or the server refused it with a status from 400 to 499.
        The client is closed then, and where this is interrupted (by ``gevent.Timeout``, by a kill).
        With ``wait=False`` it returns at once, and tries for ever.
        """
        limit = self._begin_connecting(timeout)
        if not wait:
            return
        try:
            self._wait_for_connection(limit)
        except BaseException:
            self.close()
            raise

    def _wait_for_connection(self, limit: float) -> None:
        until = time.monotonic() + limit
        while not self.is_open:
            left = until - time.monotonic()
            if left <= 0 or self._is_refused or self._is_closed:
                raise self._no_connection()
            self._changed.clear()
            self._changed.wait(left)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close: nothing is joined any more, and what waits for a reply gets an error.

        Wait for the server's Close frame, but not longer than ``close_timeout``. Where this is
        interrupted the connection is cut. ``TypeError``, ``ValueError``: no Close frame carries it.
        """
        self._begin_closing(code, reason)
        try:
            while not self._is_closed:
                self._changed.clear()
                self._changed.wait()
            if isinstance(self._wire, BlockingWire):
                self._wire.wait(self.options.close_timeout)
        except BaseException:
            self._cut()
            raise

    def channel(
        self,
        topic: str,
        payload: Mapping[str, Any] | bytes | Callable[[], Mapping[str, Any] | bytes] | None = None,
    ) -> Channel:
        """Return a channel of ``topic``, not joined yet.

        ``payload`` goes with the join; a function is asked anew at each further join. A second
        channel of the same topic takes the place of the first when it is joined.
        """
        return Channel(self, topic, payload)

    # -- what the session wants

    def _later(self, seconds: float) -> Callable[[], object]:
        timer = gevent.spawn_later(seconds, self._fire)
        return lambda: timer.kill(block=False)

    def _here(self) -> Hashable:
        return _thread_id()

    def _begin(self, attempt: int) -> Wire:
        wire = BlockingWire(self, attempt, self.options, self.address, self._context)
        wire.start(self._make)
        return wire

    def _make(self) -> WebSocket:
        """Ask for what an attempt needs; whatever that raises, the attempt has failed."""
        try:
            params = self._params() if callable(self._params) else self._params
            token = self._auth_token() if callable(self._auth_token) else self._auth_token
            return self._websocket(params, token)
        except ConnectFailed:  # the time for it is over
            raise
        except Exception as error:  # noqa: BLE001 - the application's
            self._raised("params or auth_token", error)
            raise ConnectFailed(f"params or auth_token raised {crash(error)}") from None

    def _ask(self, effect: effects.PayloadWanted, function: Callable[[], Any]) -> None:
        gevent.spawn(self._ask_now, effect, function)

    def _ask_now(self, effect: effects.PayloadWanted, function: Callable[[], Any]) -> None:
        try:
            payload = function()
        except BaseException as error:  # noqa: BLE001 - the application's
            self._ask_failed(effect, error)
            _passed_on(error)
        else:
            self._asked(effect, payload)

    def _calls_wait(self) -> None:
        if self._caller is None or self._caller.dead:
            self._caller = gevent.spawn(self._run_calls)

    def _run_calls(self) -> None:
        while len(self._calls):
            call = self._calls.take()
            for callback in call.callbacks:
                try:
                    callback(*call.arguments)
                except BaseException as error:  # noqa: BLE001 - the application's
                    if not _passed_on(error):
                        self._call_failed(call, error)

    def _state_changed(self) -> None:
        self._changed.set()


def _passed_on(error: BaseException) -> bool:
    """Raise what is to end the program in its main greenlet: ``SystemExit``, Ctrl-C.

    That may go on all the same, and so does this.
    """
    hub = gevent.get_hub()
    ends = isinstance(error, hub.SYSTEM_ERROR)
    if ends:
        hub.handle_system_error(type(error), error)
    return ends
