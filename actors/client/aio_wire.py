"""What one attempt of the client on asyncio does, as ``blocking_wire``: on asyncio's streams."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

from actors.client.address import Address, check_host
from actors.client.options import ClientOptions
from actors.client.websocket import ABNORMAL, WebSocket
from actors.client.wire import READ, WRITE, Owner, Wire
from actors.crash_text import crash
from actors.errors import ConnectFailed
from actors.serializers.message import Frame


def is_own_cancel(error: BaseException) -> bool:
    """Whether it was raised because the task that runs is cancelled, and not by somebody's code."""
    task = asyncio.current_task()
    cancelled = isinstance(error, asyncio.CancelledError)
    return cancelled and task is not None and task.cancelling() > 0


class AioWire(Wire):
    """One attempt, and the connection that comes of it: a task that reads, one that writes."""

    _news: asyncio.Event
    _drained: asyncio.Event

    def __init__(
        self,
        owner: Owner,
        attempt: int,
        options: ClientOptions,
        address: Address,
        context: ssl.SSLContext | None,
    ) -> None:
        super().__init__(owner, attempt, options, asyncio.Event(), asyncio.Event())
        self._address = address
        self._context = context
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._writer: asyncio.Task[None] | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._stuck: OSError | None = None

    def start(self, make: Callable[[], Awaitable[WebSocket]]) -> None:
        """Begin; ``make`` may call functions of the application's, and wait."""
        self._reader = asyncio.get_running_loop().create_task(self._run(make))

    async def wait(self, seconds: float) -> None:
        """Wait until nothing of it runs."""
        reader = self._reader
        if reader is not None and not reader.done() and reader is not asyncio.current_task():
            await asyncio.wait([reader], timeout=seconds)

    def close(self, code: int, reason: str) -> None:
        super().close(code, reason)
        reader = self._reader
        if reader is not None and (reader.done() or reader.cancelling()):
            # All tasks of the loop are being cancelled: nobody reads the server's Close frame.
            words = "the loop is being closed"
            asyncio.get_running_loop().call_soon(self._tell_lost, ABNORMAL, words)

    def _kill_in(self, seconds: float) -> None:
        if seconds:
            self._limit = asyncio.get_running_loop().call_later(seconds, self._kill)
        else:
            self._kill()

    def _kill(self) -> None:
        if self._reader is not None and self._reader is not asyncio.current_task():
            self._reader.cancel()

    # -- the task that reads

    async def _run(self, make: Callable[[], Awaitable[WebSocket]]) -> None:
        try:
            self._websocket, early = await self._open(make)
            if self._ended:  # ``make`` has called close(), and this task was not cancelled
                return
            self._writer = asyncio.get_running_loop().create_task(self._write())
            self._told(self._owner.wire_opened)
            await self._read(self._websocket, early)
            self._tell_lost(*self._websocket.why())
            await self._drain()
        except ConnectFailed as error:
            self._tell_lost(ABNORMAL, str(error), error)
        except OSError as error:
            self._tell_lost(ABNORMAL, f"the connection was lost: {error!s:.200}")
        except BaseException as error:
            if is_own_cancel(error):
                raise
            self._tell_lost(ABNORMAL, f"the client failed: {crash(error)}")
            if isinstance(error, SystemExit | KeyboardInterrupt):
                raise
        finally:
            self._release()

    async def _open(
        self, make: Callable[[], Awaitable[WebSocket]]
    ) -> tuple[WebSocket, list[Frame]]:
        limit = self._options.connect_timeout
        try:
            async with asyncio.timeout(limit):
                websocket = await make()
                await self._connect()
                await self._put(websocket.outgoing())
                early: list[Frame] = []
                while not websocket.is_open and not websocket.is_over:
                    early += websocket.received(await self._receive())
                return websocket, early
        except TimeoutError:
            raise ConnectFailed(f"no connection in {limit:g} s") from None
        except OSError as error:
            raise ConnectFailed(f"{error!s:.200}") from None

    async def _connect(self) -> None:
        host, port = self._address.host, self._address.port
        check_host(host)
        reader, writer = await asyncio.open_connection(host, port, ssl=self._context)
        self._streams = reader, writer
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # So drain waits until all has left. With 0 the transport of TLS would never wake it.
        writer.transport.set_write_buffer_limits(high=1)

    async def _read(self, websocket: WebSocket, frames: list[Frame]) -> None:
        while True:
            self._queue(0)  # pongs, and what answers a Close frame
            for frame in frames:
                self._told(self._owner.wire_received, frame)
            if websocket.is_over:
                return
            while self._is_full:
                self._drained.clear()
                await self._drained.wait()
            frames = websocket.received(await self._receive())

    async def _drain(self) -> None:
        """Wait until the server closes, as RFC 6455 §7.1.1 has it; but not for long."""
        with suppress(OSError):
            async with asyncio.timeout(self._options.close_timeout):
                while await self._receive():
                    pass

    async def _receive(self) -> bytes:
        """Return what comes, ``b""`` at the end."""
        data = b"" if self._streams is None else await self._streams[0].read(READ)
        if not data and self._stuck is not None:
            raise self._stuck
        return data

    def _release(self) -> None:
        if self._writer is not None:
            self._writer.cancel()
        if self._limit is not None:
            self._limit.cancel()
        if self._streams is not None:
            self._streams[1].transport.abort()  # what waited has had its time

    # -- the task that writes

    async def _write(self) -> None:
        try:
            while True:
                while not self._waiting:
                    self._news.clear()
                    await self._news.wait()
                data, size = self._waiting.popleft()
                await self._put(data)
                self._left(data, size)
        except OSError as error:
            self._stuck = error
            if self._streams is not None:
                self._streams[1].transport.abort()  # the reader gets its end
            self._drained.set()

    async def _put(self, data: bytes) -> None:
        """Send ``data``; ``OSError`` where the other side takes none of it for ``send_timeout``."""
        if self._streams is None or self._is_forked:
            return
        limit = self._options.send_timeout
        writer = self._streams[1]
        for start in range(0, len(data), WRITE):
            writer.write(data[start : start + WRITE])
            try:
                async with asyncio.timeout(limit):
                    await writer.drain()
            except TimeoutError:
                raise TimeoutError(f"the server took nothing for {limit:g} s") from None
