"""The process that watches an application's files for a master, where that reloads by itself.

There is at most one. It has its own slot, outside the restart plan: when it ends, or is silent, it
is started again after a while, and those who serve do not notice.
"""

from __future__ import annotations

import logging
import os
import random
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from signal import SIGKILL
from typing import Any, Final

from supervision.backoff import STEADY, Backoff
from supervision.processes.channel import Channel
from supervision.processes.spawn import MASTERS, described, spawn

logger = logging.getLogger("roost.master")

MODULE: Final = "actors.endpoint.command.watch"

NEVER: Final = float("inf")

SILENCE: Final = 10.0
"""Seconds without a sign of life until it is killed; it gives two a second."""

BOOT: Final = 60.0
"""Seconds until the first: large directories take a while."""

RETRY: Final = 5.0
"""Seconds until another attempt where the kernel has no room for a process."""


class WatcherSlot:
    """``roots`` are the directories; without one there is never a process.

    ``on_changed()`` is called for each burst of changes. The key of its channel in ``selector`` has
    a callable as its data: it is to be called with the events.
    """

    def __init__(
        self,
        roots: Sequence[str],
        selector: selectors.BaseSelector,
        clock: Callable[[], float],
        on_changed: Callable[[], object],
    ) -> None:
        self._roots = list(roots)
        self._selector = selector
        self._clock = clock
        self._on_changed = on_changed
        self._backoff = Backoff(random.random)
        self._pid: int | None = None
        self._channel: Channel | None = None
        self._began = self._silent_at = 0.0
        self._retry_at = NEVER
        self._since = 0
        self._told = False
        """Whether it was said that it is started again."""
        self._said = ""

    def begin(self) -> None:
        """Watch from now on."""
        if self._roots:
            self._since = time.time_ns()
            self._start()

    def end(self) -> None:
        """Watch no more."""
        self._roots.clear()
        self._retry_at = NEVER
        self._hang_up()  # of which it ends, if it can

    # -- what the master's loop asks

    def next_due(self) -> float:
        """Return when :meth:`act` has something to do."""
        return self._retry_at if self._channel is None else self._silent_at

    def act(self, now: float) -> None:
        """Start one that is due, and kill one that is silent."""
        if self._channel is None:
            if self._retry_at <= now:
                self._start()
        elif self._silent_at <= now:
            logger.warning("what watches files gives no sign of life, and is started again")
            self._told = True
            self._hang_up()

    def excuse(self, seconds: float) -> None:
        """Put off what is due: the master has not run for so long."""
        self._silent_at += seconds

    def ended(self, pid: int, status: int) -> bool:
        """Learn that a process has ended; return whether it was this one."""
        if pid != self._pid:
            return False
        self._pid = None
        self._hang_up()
        if self._roots:
            ran = self._clock() - self._began
            self._told = self._told and ran < STEADY
            self._retry_at = self._clock() + self._backoff.after(ran)
            level = logging.DEBUG if self._told else logging.WARNING
            words = "what watches files ended with %s, and is started again; clients do not notice"
            logger.log(level, words, described(status))
            self._told = True
        return True

    # -- the process

    def _start(self) -> None:
        self._retry_at = NEVER
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                arguments = [str(theirs.fileno()), str(self._since), *self._roots]
                pid = spawn(MODULE, arguments, [theirs.fileno()], blocked=MASTERS)
            except OSError as error:
                ours.close()
                logger.error("what watches files could not be started: %s", error.strerror)
                self._retry_at = self._clock() + RETRY
                return
        ours.setblocking(False)
        self._pid, self._channel = pid, Channel(ours)
        self._began = self._clock()
        self._silent_at = self._began + BOOT
        self._selector.register(ours, selectors.EVENT_READ, self._serve)

    def _serve(self, _events: int) -> None:
        channel = self._channel
        if channel is None:
            return
        for message in channel.receive():
            self._silent_at = self._clock() + SILENCE
            self._heard(message)
        if channel.closed:
            self._hang_up()

    def _heard(self, message: list[Any]) -> None:
        match message:
            case ["beat", int() as until]:
                self._since = until
            case ["watching", bool() as polls, str(why)]:
                how = f" by polling, as there is no other way: {why}" if polls else ""
                self._say(logging.INFO, f"watching {', '.join(self._roots)}{how}")
            case ["changed", str(path), int() as others]:
                more = f" and {others} more" if others else ""
                logger.info("%.1000s%s changed", path, more)
                self._on_changed()
            case ["failed", str(why)]:
                self._say(logging.ERROR, f"files cannot be watched: {why}")
            case _:
                logger.debug("what watches files said what nobody understands: %.100r", message)

    def _say(self, level: int, words: str) -> None:
        """Log what was not said last."""
        if words != self._said:
            self._said = words
            logger.log(level, "%.1000s", words)

    def _hang_up(self) -> None:
        """Close the channel and kill the process; that it has ended is learned later."""
        if self._channel is not None:
            self._selector.unregister(self._channel.sock)
            self._channel.close()
            self._channel = None
            if self._pid is not None:
                os.kill(self._pid, SIGKILL)  # as long as it is not reaped, the pid is its own
