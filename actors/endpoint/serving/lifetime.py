"""The life of an endpoint's tree in this process: its start, and its end within a time.

This is the only driver of an end: a signal, the master, or the server around it says within how
many seconds, and whatever is said later can only shorten that.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable
from typing import Any

from gevent.event import Event
from greenlet import getcurrent, greenlet

from actors.endpoint.serving.root import CHILDREN, Root
from actors.errors import ConfigError
from actors.reasons import SHUTDOWN, Crash, FailedToStart, Reason
from actors.runtime import StartError, monitors
from actors.runtime.dispatcher import get_dispatcher
from actors.runtime.exits import Exit
from supervision.parent import cancelled
from supervision.ref import SupervisorRef
from supervision.reports import words
from supervision.specs import ChildSpec

logger = logging.getLogger("roost.endpoint")


class StartCancelled(Exception):
    """The start was called off by :meth:`Lifetime.cancel_start`."""


class Lifetime:
    """One tree. ``on_failed(why)`` is called, on the loop, when it ends and was not told to."""

    def __init__(self, on_failed: Callable[[str], object] | None = None) -> None:
        self._dispatcher = get_dispatcher()
        self._on_failed = on_failed
        self._root: SupervisorRef[Root] | None = None
        self._starter: greenlet | None = None
        self._cancelled = False
        self._until = math.inf
        self._news = Event()
        self.last_words = 0.0
        """Seconds of its time that are kept for what follows the tree's end."""

    @property
    def started(self) -> bool:
        """Whether it has been."""
        return self._root is not None

    @property
    def running(self) -> bool:
        """Whether it has started, and has not ended."""
        return self._root is not None and self._root.exit_reason is None

    @property
    def left(self) -> float:
        """Seconds until it must have ended; infinite where nobody has asked for that."""
        return max(0.0, self._until - self._dispatcher.clock())

    def start(self, children: Iterable[ChildSpec]) -> None:
        """Start the children in order, and wait for that.

        :class:`ConfigError` names the child that did not start, :class:`StartCancelled` comes of
        :meth:`cancel_start`; what was started has stopped.
        """
        try:
            self._start(tuple(children))
        except StartError as error:
            if self._cancelled:
                raise StartCancelled from error
            raise _refusal(error.reason) from error
        root = self._root_actor()
        if not monitors.at_end(root.actor_inbox, lambda _: self._ended(root)):
            self._ended(root)

    def _start(self, children: tuple[ChildSpec, ...]) -> None:
        if self._cancelled:
            raise StartError(SHUTDOWN)
        self._starter = getcurrent()
        try:
            self._root = Root.start(children)
        finally:
            cancelled.discard(self._starter)
            self._starter = None

    def cancel_start(self) -> bool:
        """Have a start that is under way stop what it has started. Does not block; on the loop.

        A child that blocks in its ``on_start`` is interrupted there, once: one that goes on all the
        same is waited for. No other is started. Return whether a start is under way.
        """
        self._cancelled = True
        if self._starter is None:
            return False
        if self._starter not in cancelled:
            cancelled.add(self._starter)
            self._dispatcher.hub.loop.run_callback(self._interrupt)
        return True

    def _interrupt(self) -> None:
        if self._starter is not None:
            self._starter.throw(Exit(SHUTDOWN))

    def _root_actor(self) -> Root:
        inbox: Any = self._root and self._root.actor_inbox
        root: Root = inbox.actor
        return root

    def _ended(self, root: Root) -> None:
        self._news.set()
        if self._until == math.inf and self._on_failed is not None:
            self._on_failed(root.trouble or words(root.exit_reason or SHUTDOWN))

    def within(self, seconds: float, last_words: float = 0.0) -> None:
        """End within ``seconds`` from now, unless an earlier end was asked for before.

        The tree has ``last_words`` less. Does not block; :meth:`stop` waits, or waits no longer.
        """
        until = self._dispatcher.clock() + seconds
        if until < self._until:
            self._until, self.last_words = until, last_words
            if self._root is not None:
                self._root_actor().until = until - last_words
        self._news.set()

    def hurry(self) -> None:
        """End without a drain. Does not block; on the loop."""
        if self._root is not None:
            self._root_actor().hurry()

    def stop(self) -> None:
        """Stop the tree in reverse order and wait for that; kill it when its time is over."""
        root = self._root
        if root is None:
            return
        root.exit()
        while root.exit_reason is None and self.left:
            self._news.clear()
            self._news.wait(self.left)
        if root.exit_reason is None:
            logger.warning("the endpoint did not stop in time")
            root.kill()


def _refusal(reason: Reason) -> ConfigError:
    """Return why the tree did not start; what the application itself refused is said as it was."""
    if isinstance(reason, FailedToStart) and reason.child == CHILDREN:
        reason = reason.reason  # the supervisor between is no news to who gave the children
    cause = reason
    while isinstance(cause, FailedToStart):
        cause = cause.reason
    if isinstance(cause, Crash) and isinstance(cause.exception, ConfigError):
        return cause.exception
    return ConfigError(f"the endpoint did not start: {words(reason)}")
