"""Both clients behind one interface that waits: that on gevent as it is, that on asyncio in a loop.

The loop has a thread of its own. There every call is made, and what it answers is awaited.
"""

from __future__ import annotations

import asyncio
import inspect
import threading
from typing import Any, Self

from actors import client as on_gevent
from actors.client import aio
from tests.support.waiting import DEADLINE


class GeventKit:
    """The client on gevent."""

    Presence = on_gevent.Presence

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def client(self, *arguments: Any, **options: Any) -> Any:
        return on_gevent.Client(*arguments, **options)

    def presence(self, channel: Any) -> Any:
        return on_gevent.Presence(channel)


class Remote:
    """An object that lives in the loop."""

    def __init__(self, kit: AioKit, target: Any) -> None:
        self._kit, self._target = kit, target

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not callable(value):
            return value
        return lambda *arguments, **rest: self._kit.wrap(self._kit.do(value, *arguments, **rest))

    def __enter__(self) -> Self:
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AioKit:
    """The client on asyncio."""

    def __enter__(self) -> Self:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        async def rest() -> list[Any]:
            await asyncio.sleep(0)
            mine = asyncio.current_task()
            return [task for task in asyncio.all_tasks() if task is not mine]

        left = self.do(rest)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE)
        self.loop.close()
        assert left == []

    def do(self, function: Any, *arguments: Any, **rest: Any) -> Any:
        async def call() -> Any:
            answer = function(*arguments, **rest)
            return await answer if inspect.isawaitable(answer) else answer

        future = asyncio.run_coroutine_threadsafe(call(), self.loop)
        return future.result(DEADLINE)

    def wrap(self, value: Any) -> Any:
        of_ours = type(value).__module__.startswith("actors.client.aio")
        return Remote(self, value) if of_ours else value

    def client(self, *arguments: Any, **options: Any) -> Any:
        return self.wrap(self.do(lambda: aio.Client(*arguments, **options)))

    def presence(self, channel: Any) -> Any:
        return Remote(self, self.do(lambda: aio.Presence(channel._target)))
