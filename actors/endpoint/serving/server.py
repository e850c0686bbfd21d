"""Serves an endpoint in this process: starts its tree, and ends it within a budget."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

from gevent.event import AsyncResult, Event
from greenlet import getcurrent, greenlet

from actors.endpoint.routes import Routes
from actors.endpoint.serving import tree
from actors.endpoint.serving.budget import reserve
from actors.endpoint.serving.connections import Connections
from actors.endpoint.serving.root import CHILDREN, Root
from actors.errors import ConfigError
from actors.reasons import KILLED, SHUTDOWN, Crash, FailedToStart, Reason
from actors.runtime import StartError, monitors
from actors.runtime.dispatcher import Dispatcher, get_dispatcher
from actors.runtime.exits import Exit
from supervision.parent import cancelled
from supervision.reports import words
from transports.http.connection import HTTPConnection
from transports.http.shared import Shared
from transports.tcp.listener import Listener, Load
from transports.tcp.stream import REQUEST_READ_SIZE

if TYPE_CHECKING:
    from actors.endpoint.definition import Endpoint
    from actors.pubsub.cluster import Cluster
    from supervision.ref import SupervisorRef
    from supervision.specs import ChildSpec
    from transports.tcp.stream import Stream

NOW: Final = 0.5
"""Seconds, at most, that an end takes which nobody waits for: for the last Close frames."""

logger = logging.getLogger("roost.endpoint")


class StartCancelled(Exception):
    """The start was called off by :meth:`Server.cancel_start`."""


class Server:
    """One endpoint on listening sockets, which are its own from now on.

    ``cluster`` links this process to the others that serve the endpoint, ``pubsub`` are children to
    start before all others, ``boot_secret``: see :class:`~actors.endpoint.routes.Routes`. ``grace``
    overrides the endpoint's, in seconds. ``load`` is for processes that share the sockets.
    :class:`ConfigError` says what cannot be served.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sockets: socket.socket | Sequence[socket.socket],
        *,
        tls: ssl.SSLContext | None = None,
        cluster: Cluster | None = None,
        pubsub: Iterable[ChildSpec] = (),
        boot_secret: str | None = None,
        grace: float | None = None,
        load: Load | None = None,
    ) -> None:
        options = endpoint.options
        self.endpoint = endpoint
        self.dispatcher: Dispatcher = get_dispatcher()
        self.grace = options.grace if grace is None else grace
        self.routes = Routes(endpoint, cluster=cluster, boot_secret=boot_secret)
        self.shared = Shared.of(options.http)
        self.listeners: list[Listener] = []
        classes = {mounted.socket_class for mounted in endpoint.mounts}
        self.connections = Connections(
            self.listeners, self.routes.sessions, classes, options.last_poll
        )
        self.children = tree.children(endpoint, self.connections, self.grace, pubsub)
        self.budget = tree.budget(endpoint, self.children, self.grace)
        self.budget.check()
        self.failed: AsyncResult[str] = AsyncResult()
        """Set when the tree gave up by itself: why, through all layers."""
        self._root: SupervisorRef[Root] | None = None
        self._starter: greenlet | None = None
        self._cancelled = False
        self._until: float | None = None
        self._last_words = 0.0
        self._news = Event()
        self._stopped: AsyncResult[bool] | None = None
        # Last, as whoever is refused keeps the sockets.
        for each in [sockets] if isinstance(sockets, socket.socket) else sockets:
            self.listeners.append(self._listener(each, tls, load))

    def _listener(
        self, sock: socket.socket, tls: ssl.SSLContext | None, load: Load | None
    ) -> Listener:
        options = self.endpoint.options
        return Listener(
            sock,
            self.dispatcher,
            self._open,
            tls=tls,
            handshake_timeout=options.http.header_timeout,
            max_connections=options.max_connections,
            max_per_address=options.max_connections_per_address,
            load=load,
        )

    def _open(self, stream: Stream) -> HTTPConnection:
        stream.limit_reads(REQUEST_READ_SIZE)
        http = self.endpoint.options.http
        return HTTPConnection(stream, self.routes.match, http, self.shared)

    @property
    def listener(self) -> Listener:
        """The first, which is the only one where there is one socket."""
        return self.listeners[0]

    def facts(self) -> dict[str, Any]:
        """Return what a person may want to know, as plain values: seconds, and lines to print."""
        notes = self.routes.notes
        return {"grace": self.grace, "budget": self.budget.lines(), "notes": notes}

    # -- the start

    def start(self) -> None:
        """Start the tree; clients are accepted when this answers.

        :class:`ConfigError` names the child that did not start, :class:`StartCancelled` comes of
        :meth:`cancel_start`; what was started has stopped.
        """
        try:
            self._start()
        except StartError as error:
            self.connections.stop_accepting()
            if self._cancelled:
                raise StartCancelled from error
            raise refusal(error.reason) from error
        root = self._root_actor()
        if not monitors.at_end(root, self._ended):
            self._ended(root)

    def _start(self) -> None:
        if self._cancelled:
            raise StartError(SHUTDOWN)
        self._starter = getcurrent()
        try:
            self._root = Root.start(self.children)
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
            self.dispatcher.hub.loop.run_callback(self._interrupt)
        return True

    def _interrupt(self) -> None:
        if self._starter is not None:
            self._starter.throw(Exit(SHUTDOWN))

    def _root_actor(self) -> Root:
        inbox: Any = self._root and self._root.actor_inbox
        root: Root = inbox.actor
        return root

    def _ended(self, root: Any) -> None:
        """Learn that the tree has ended, which it should not unless it was told to."""
        self._news.set()
        if self._until is None:
            self.failed.set(root.trouble or words(root.exit_reason or SHUTDOWN))

    # -- the end

    def stop(self, budget: float | None = None) -> bool:
        """Stop the tree in reverse order and wait for that, ``budget`` seconds at most.

        The default is what a process has that ends afterwards: ``grace`` less a last moment. A
        further call may shorten what an earlier one said, and answers the same: whether no
        connection had to be ended that was busy, or cut off.
        """
        self._shorten(self.grace - reserve(self.grace) if budget is None else budget)
        if self._stopped is not None:
            return bool(self._stopped.get())
        self._stopped = AsyncResult()
        orderly = False
        try:
            orderly = self._stop()
        finally:
            self._stopped.set(orderly)
        return orderly

    def _stop(self) -> bool:
        root = self._root
        if root is None:
            self.connections.stop_accepting()
            return True
        refs = self.connections.sockets()
        root.exit()
        while root.exit_reason is None and self._left():
            self._news.clear()
            self._news.wait(self._left())
        if root.exit_reason is None:
            logger.warning("the endpoint did not stop in time")
            root.kill()
        self.connections.wait_empty(min(self._last_words, self._left()))
        cut_off = self.connections.abort()
        return not cut_off and all(ref.exit_reason != KILLED for ref in refs)

    def stop_now(self) -> None:
        """Tell every client 1001 at once, and have :meth:`stop` end soon. Does not block.

        Call it on the loop's thread, before :meth:`stop` or while that waits.
        """
        self.connections.stop_accepting()
        self.connections.cut_short(SHUTDOWN)
        self._shorten(NOW)
        if self._root is not None:
            self._root_actor().hurry()

    def _shorten(self, budget: float) -> None:
        """End within ``budget`` seconds from now, unless an earlier end was asked for before."""
        until = self.dispatcher.clock() + budget
        if self._until is None or until < self._until:
            self._until = until
            self._last_words = reserve(budget)
            if self._root is not None:
                self._root_actor().until = until - self._last_words
        self._news.set()

    def _left(self) -> float:
        return max(0.0, (self._until or 0.0) - self.dispatcher.clock())


def refusal(reason: Reason) -> ConfigError:
    """Return why the tree did not start; what the application itself refused is said as it was."""
    if isinstance(reason, FailedToStart) and reason.child == CHILDREN:
        reason = reason.reason  # the supervisor between is no news to who gave the children
    cause = reason
    while isinstance(cause, FailedToStart):
        cause = cause.reason
    if isinstance(cause, Crash) and isinstance(cause.exception, ConfigError):
        return cause.exception
    return ConfigError(f"the endpoint did not start: {words(reason)}")
