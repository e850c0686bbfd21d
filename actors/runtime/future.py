"""Pykka's future on gevent: waiting parks the greenlet, or blocks a native thread of the user's."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, TypeVar

from gevent import monkey
from gevent.event import Event
from pykka import Future as PykkaFuture
from pykka import Timeout

from actors.runtime.dispatcher import Dispatcher, get_dispatcher

T = TypeVar("T")

# A native thread has no loop of its own that a greenlet could wait on: it waits on a real lock.
allocate_lock: Final[Any] = monkey.get_original("_thread", "allocate_lock")

Outcome = tuple[Any, BaseException | None, TracebackType | None]

_guard: Final[Any] = monkey.get_original("_thread", "RLock")()
"""Held for a few instructions where threads meet: nothing that may switch runs under it.
Reentrant, as a finaliser that comes in between may use futures too."""


class Future(PykkaFuture[T]):
    """A value or an exception that comes later; may be set once and read often, by any thread."""

    _outcome: Outcome | None = None
    _event: Event | None = None
    _locks: tuple[Any, ...] = ()

    def get(self, *, timeout: float | None = None) -> T:
        """Wait for the value; raise the exception that was set, or ``pykka.Timeout``.

        ``timeout`` is in seconds; ``None`` waits for as long as it takes.
        """
        if self._outcome is None and self._get_hook is None:
            self._wait(timeout)
        if self._get_hook is not None:
            return super().get(timeout=timeout)
        if self._outcome is None:
            raise Timeout(f"{timeout} seconds")
        value, error, traceback = self._outcome
        if error is not None:
            raise error.with_traceback(traceback)  # else each reader's frames would be added
        found: T = value
        return found

    def _wait(self, timeout: float | None) -> None:
        if get_dispatcher().on_this_thread():
            event = self._event
            if event is None:
                event = self._event = Event()
            if not self._settled():  # else a thread set it before the event could be seen
                event.wait(timeout)
            return
        lock = allocate_lock()
        lock.acquire()
        with _guard:
            self._locks = (*self._locks, lock)
        if not self._settled():  # else it was set before the lock could be seen
            lock.acquire(timeout=-1 if timeout is None else max(0.0, timeout))

    def _settled(self) -> bool:
        return self._outcome is not None or self._get_hook is not None

    def ready(self) -> bool:
        """Whether a value or an exception was set."""
        return self._outcome is not None

    def set(self, value: T | None = None) -> None:
        """Set the value; a second time is a ``RuntimeError``."""
        self._settle((value, None, None))

    def set_exception(self, exc_info: Any = None) -> None:
        """Set an exception, by default the one being handled, as ``sys.exc_info()`` has it."""
        kind, error, traceback = exc_info or sys.exc_info()
        if kind is None:
            raise RuntimeError("no exception is being handled")
        self._settle((None, kind() if error is None else error, traceback))

    def set_get_hook(self, func: Any) -> None:
        """Have ``func(timeout)`` make the value when it is asked for; excludes :meth:`set`."""
        with _guard:
            self._refuse_second()
            self._get_hook = func
        self._wake()

    def _settle(self, outcome: Outcome) -> None:
        with _guard:
            self._refuse_second()
            self._outcome = outcome
        self._wake()

    def _refuse_second(self) -> None:
        if self._settled():
            raise RuntimeError("the future is set already")

    def _wake(self) -> None:
        for lock in self._locks:
            lock.release()
        if self._event is not None:
            dispatcher = get_dispatcher()
            if dispatcher.on_this_thread():
                self._event.set()
            else:
                dispatcher.call_from_thread(self._event.set)


def run_on_carrier(dispatcher: Dispatcher, function: Callable[[], T]) -> T:
    """Call ``function`` where it may block, and wait for its answer; for other threads."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set(function())
        except BaseException:  # noqa: BLE001 - it is for the thread that waits
            future.set_exception()

    dispatcher.call_from_thread(lambda: dispatcher.submit(run))
    return future.get()
