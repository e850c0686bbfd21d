"""A worker's end of the channel: it hears the master, and shows it that the hub still turns."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from gevent import monkey

from actors.runtime.dispatcher import Dispatcher
from actors.schedule import ORPHAN_ENDS, OVERDUE_FLUSH
from supervision.processes.channel import Channel
from supervision.processes.directory import Tenant
from supervision.processes.spawn import MASTERS
from supervision.processes.writer import standard_error

BEATS_PER_TIMEOUT: Final = 5
"""Signs of life in the time that the master waits for one."""

LONGEST_BEAT: Final = 1.0

COUNT_EVERY: Final = 0.9
"""Seconds, at least, between two beats that say what was counted."""

OVERDUE: Final = b"roost: the master is gone, and this worker does not end by itself\n"

_PR_SET_PDEATHSIG: Final = 1  # prctl(2)

# What must work when the loop does not: real threads, and the calls that they make.
_start_new_thread: Any = monkey.get_original("_thread", "start_new_thread")
_sleep: Any = monkey.get_original("time", "sleep")
_poll: Any = monkey.get_original("select", "poll")


class Counter(Protocol):
    """What counts, for the master; see :mod:`supervision.processes.totals`."""

    def sweep(self, done: Callable[[dict[str, Any]], object]) -> None:
        """Call ``done(totals)`` soon; or not, where that was asked before and is not done yet."""

    def final(self) -> dict[str, Any]:
        """Return the totals at the very end."""


class WorkerEnd:
    """``fd`` is the channel's descriptor, ``large`` what it is at the master's end.

    :meth:`configured` comes first, then :meth:`serve`.

    From the start on a thread looks whether the master is there. When it is gone, this process has
    :data:`~actors.schedule.ORPHAN_ENDS` seconds until it is ended with status 1.
    """

    def __init__(self, fd: int, *, large: bool = False) -> None:
        os.set_inheritable(fd, False)
        sock = socket.socket(fileno=fd)
        sock.setblocking(False)
        self._channel = Channel(sock, large=large)
        self._early: list[list[Any]] = []
        self.tenant: Tenant | None = None
        """What this process leaves at its end, whichever way that comes."""
        _start_new_thread(self._outlive, (fd,))

    def configured(self) -> dict[str, Any]:
        """Wait for the options, blocking the process; ``ConnectionError`` if the master is gone."""
        while not self._channel.closed:
            select.select([self._channel.fileno()], [], [])
            messages = list(self._channel.receive())
            for place, message in enumerate(messages):
                if message[0] == "configure":
                    self._early = messages[place + 1 :]
                    options: dict[str, Any] = message[1]
                    return options
        raise ConnectionError("the master is gone")

    def serve(
        self,
        dispatcher: Dispatcher,
        timeout: float,
        on_message: Callable[[list[Any]], object],
        on_orphaned: Callable[[], object],
        counter: Counter | None = None,
    ) -> None:
        """Hear the master from now on, and give it signs of life for its ``timeout`` seconds.

        With a ``counter`` one in each second says what was counted. The callbacks run on the loop
        and must not block.
        """
        count_at = dispatcher.clock()

        def heard(_mask: int) -> None:
            for message in self._channel.receive():
                on_message(message)
            if self._channel.closed:
                dispatcher.unregister(self._channel.fileno())
                on_orphaned()

        def beat(*totals: dict[str, Any]) -> None:
            if self._channel.unsent:
                self._channel.flush()  # one that it has not read is enough
            else:
                self._channel.send("beat", *totals)

        def due() -> float:
            nonlocal count_at
            now = dispatcher.clock()
            if counter is not None and now >= count_at and not self._channel.unsent:
                count_at = now + COUNT_EVERY
                counter.sweep(beat)
            else:
                beat()
            return now + every

        every = min(LONGEST_BEAT, timeout / BEATS_PER_TIMEOUT)
        dispatcher.register(self._channel.fileno(), select.EPOLLIN, heard)
        dispatcher.timers.call_later(every, due)
        for message in self._early:
            on_message(message)

    def last_beat(self, counter: Counter, seconds: float) -> None:
        """Say what was counted, at the very end; the master has so many seconds to take it."""
        self._channel.send("beat", counter.final())
        until = time.monotonic() + seconds
        while self._channel.unsent and (left := until - time.monotonic()) > 0:
            select.select([], [self._channel.fileno()], [], left)
            self._channel.flush()

    def leave(self) -> None:
        """Clear away what this process has in the master's directory."""
        if self.tenant is not None:
            self.tenant.leave()

    def _outlive(self, fd: int) -> None:
        """Wait, in a thread, for the master's end of the channel to close, then end."""
        poll = _poll()
        poll.register(fd, 0)  # a hang-up is told unasked
        poll.poll()
        _sleep(ORPHAN_ENDS)
        try:
            self.leave()
        finally:
            end_within(0.0, 1, OVERDUE)

    def send(self, *message: Any) -> None:
        """Tell the master; nothing happens when it is gone."""
        self._channel.send(*message)


def end_within(seconds: float, status: int, words: bytes = b"") -> None:
    """End this process with ``status`` in so many seconds, on the thread that calls.

    It waits for nothing that may block: the last words are handed over, as the log is.
    """
    _sleep(max(0.0, seconds))
    try:
        standard_error().put(words)
        standard_error().flush(OVERDUE_FLUSH)
    finally:
        os._exit(status)


def leave_within(seconds: float, status: int) -> None:
    """Have this process end with ``status`` in so many seconds at the latest.

    Threads and exit handlers of the application have that long: they do not hold up the end, and
    are named when it comes to that.
    """
    _start_new_thread(end_within, (seconds, status, held_up_by(threading.enumerate(), "worker")))


def held_up_by(threads: Iterable[threading.Thread], process: str) -> bytes:
    """Return what is said of a process that has not ended by itself: what it waits for.

    ``process`` is what it is called.
    """
    main = threading.main_thread()
    waited_for = [each.name for each in threads if each is not main and not each.daemon]
    what = f"threads of the application: {', '.join(waited_for)}" if waited_for else "exit handlers"
    return f"roost: this {process} was held up at its end by {what:.500}\n".encode()


def leave_signals_to_master() -> None:
    """Ignore what workers ignore, which was blocked until now (see ``spawn``)."""
    for number in MASTERS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, MASTERS)


def die_with_parent() -> bool:
    """Have the kernel send SIGTERM when the master ends; ``False`` if it has ended already."""
    parent = os.getppid()
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    except (OSError, AttributeError):
        pass  # the channel's end tells it too
    return os.getppid() == parent
