"""The client on asyncio: the names of :mod:`actors.client`, with ``await`` where that one waits.

::

    from actors.client.aio import Client

    async with Client("ws://127.0.0.1:4000/socket", {"user": "ada"}) as client:
        room = client.channel("room:lobby")
        await room.join()
        async for message in room: ...

A client belongs to the loop that connected it. No gevent is imported. Functions that it is given
(``params``, ``auth_token``, payloads, callbacks) may be coroutine functions.
"""

from __future__ import annotations

import asyncio
import inspect
import random
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Mapping
from contextlib import suppress
from typing import Any, Self, Unpack

from actors.client import effects
from actors.client.aio_wire import AioWire, is_own_cancel
from actors.client.arguments import check_seconds
from actors.client.channel_surface import ChannelSurface
from actors.client.channels.request import Answer, Request
from actors.client.messages import Message
from actors.client.options import ClientKeywords
from actors.client.presence import Presence
from actors.client.push_surface import PushSurface
from actors.client.surface import ClientSurface
from actors.client.tls import context_of
from actors.client.websocket import WebSocket
from actors.client.wire import Wire
from actors.crash_text import crash
from actors.errors import (
    BufferFull,
    ClientError,
    ConnectFailed,
    MessageTimeout,
    NotJoined,
    ReplyLost,
    ReplyTimeout,
)
from actors.results import Error, Ok, Reply

__all__ = [
    "BufferFull", "Channel", "Client", "ClientError", "ConnectFailed", "Error", "Message",
    "MessageTimeout", "NotJoined", "Ok", "Presence", "Push", "Reply", "ReplyLost", "ReplyTimeout",
]  # fmt: skip


class Push(PushSurface):
    """An event that was pushed."""

    def __init__(self, client: Client, request: Request) -> None:
        self._settled = asyncio.Event()
        super().__init__(client, request, self._settled)

    async def get(self, timeout: float | None = None) -> Answer:  # noqa: ASYNC109 - as on gevent
        """Wait for the reply: as :meth:`actors.client.Push.get`."""
        self._begin_waiting(timeout)
        try:
            async with asyncio.timeout(timeout):
                await self._settled.wait()
        except TimeoutError:
            raise self._late(timeout) from None
        return self._outcome()


class Channel(ChannelSurface):
    """A topic of a client: as :class:`actors.client.Channel`; iterate with ``async for``."""

    def __init__(self, client: Client, topic: str, payload: object) -> None:
        super().__init__(client, client.membership(topic), payload)
        self._client = client
        self._news = asyncio.Event()

    async def join(self, timeout: float | None = None) -> Answer:  # noqa: ASYNC109
        """Join, and stay joined: as :meth:`actors.client.Channel.join`."""
        request = self._client.join_channel(self, timeout)
        self._news = asyncio.Event()  # the one before is of the loop that waited for it
        try:
            return await Push(self._client, request).get()
        except BaseException as error:
            if error is not request.outcome:
                self._client.abandon_join(self, request)
            raise

    def push(self, event: str, payload: object = None, timeout: float | None = None) -> Push:
        """Send ``event``; returns at once, as :meth:`actors.client.Channel.push`."""
        return Push(self._client, self._client.push(self, event, payload, timeout))

    async def leave(self, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Leave: as :meth:`actors.client.Channel.leave`."""
        await Push(self._client, self._client.leave(self, timeout)).get()

    async def next_message(self, timeout: float | None = None) -> Message | None:  # noqa: ASYNC109
        """Wait for a message: as :meth:`actors.client.Channel.next_message`."""
        self._client.check_owner()
        check_seconds("timeout", timeout)
        try:
            async with asyncio.timeout(timeout):
                while not len(self.inbox):
                    if self.is_over:
                        return None
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise MessageTimeout(f"{self.topic}: no message in {timeout:g} s") from None
        return self.inbox.take()

    async def __aiter__(self) -> AsyncIterator[Message]:
        while (message := await self.next_message()) is not None:
            yield message

    def wake(self) -> None:
        self._news.set()


class Client(ClientSurface[Channel]):
    """A connection that is kept alive: as :class:`actors.client.Client`, on asyncio."""

    _not_yours = (
        "a client belongs to the thread and the loop that connected it; "
        "where that loop is closed, close() frees it"
    )

    def __init__(
        self,
        url: str,
        params: Mapping[str, Any]
        | Callable[[], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]
        | None = None,
        *,
        auth_token: str | Callable[[], str | Awaitable[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        **options: Unpack[ClientKeywords],
    ) -> None:
        super().__init__(url, params, auth_token, headers, options, time.monotonic, random.random)
        self._context = context_of(tls, secure=self.address.secure)
        self._caller: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()  # a loop holds its tasks weakly
        self._changed = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def connect(
        self,
        timeout: float | None = None,  # noqa: ASYNC109
        *,
        wait: bool = True,
    ) -> None:
        """Connect, and stay connected: as :meth:`actors.client.Client.connect`."""
        if self._is_closed:
            self._loop = asyncio.get_running_loop()
            self._changed = asyncio.Event()  # the one before may be of another loop
        limit = self._begin_connecting(timeout)
        if not wait:
            return
        try:
            await self._wait_for_connection(limit)
        except BaseException:
            await self.close()
            raise

    async def _wait_for_connection(self, limit: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(limit):
                while not (self.is_open or self._is_refused or self._is_closed):
                    await self._change()
        if not self.is_open:
            raise self._no_connection()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close: as :meth:`actors.client.Client.close`."""
        if self._is_of_closed_loop:
            self._forget(code, reason)
            return
        self._begin_closing(code, reason)
        try:
            while not self._is_closed:
                await self._change()
            if isinstance(self._wire, AioWire):
                await self._wire.wait(self.options.close_timeout)
        except BaseException:
            self._cut()
            raise

    @property
    def _is_of_closed_loop(self) -> bool:
        loop = self._loop
        return not self._is_closed and loop is not None and loop.is_closed()

    def _forget(self, code: int, reason: str) -> None:
        """Be closed: nothing runs any more, and the socket went with its loop."""
        self._own()
        self._wire, self._changed = None, asyncio.Event()
        self._begin_closing(code, reason)
        self._cut()

    def channel(
        self,
        topic: str,
        payload: Mapping[str, Any]
        | bytes
        | Callable[[], Mapping[str, Any] | bytes | Awaitable[Mapping[str, Any] | bytes]]
        | None = None,
    ) -> Channel:
        """Return a channel of ``topic``: as :meth:`actors.client.Client.channel`."""
        return Channel(self, topic, payload)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    # -- what the session wants

    def _later(self, seconds: float) -> Callable[[], object]:
        return asyncio.get_running_loop().call_later(seconds, self._fire).cancel

    def _here(self) -> Hashable:
        try:
            return threading.get_ident(), asyncio.get_running_loop()
        except RuntimeError:
            return threading.get_ident(), None

    def _begin(self, attempt: int) -> Wire:
        wire = AioWire(self, attempt, self.options, self.address, self._context)
        wire.start(self._make)
        return wire

    async def _make(self) -> WebSocket:
        """Ask for what an attempt needs; whatever that raises, the attempt has failed."""
        try:
            params = await _asked(self._params)
            return self._websocket(params, await _asked(self._auth_token))
        except (Exception, asyncio.CancelledError) as error:
            if is_own_cancel(error):
                raise
            self._raised("params or auth_token", error)
            raise ConnectFailed(f"params or auth_token raised {crash(error)}") from None

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _ask(self, effect: effects.PayloadWanted, function: Callable[[], Any]) -> None:
        self._spawn(self._ask_now(effect, function))

    async def _ask_now(self, effect: effects.PayloadWanted, function: Callable[[], Any]) -> None:
        try:
            payload = await _asked(function)
        except (Exception, asyncio.CancelledError) as error:
            if is_own_cancel(error):
                raise
            self._ask_failed(effect, error)
        else:
            self._asked(effect, payload)

    def _calls_wait(self) -> None:
        if self._caller is None or self._caller.done():
            self._caller = self._spawn(self._run_calls())

    async def _run_calls(self) -> None:
        while len(self._calls):
            call = self._calls.take()
            for callback in call.callbacks:
                try:
                    answer = callback(*call.arguments)
                    if inspect.isawaitable(answer):
                        await answer
                except (Exception, asyncio.CancelledError) as error:
                    if is_own_cancel(error):
                        raise
                    self._call_failed(call, error)

    def _state_changed(self) -> None:
        self._changed.set()


async def _asked(value: Any) -> Any:
    """Return a value, or what a function that stands for it returns."""
    found = value() if callable(value) else value
    return await found if inspect.isawaitable(found) else found
