"""Serves an endpoint in this process: starts its tree, and ends it within a budget."""

from __future__ import annotations

import logging
import math
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from gevent.event import AsyncResult, Event

from actors.endpoint.routes import Routes
from actors.endpoint.serving import tree
from actors.endpoint.serving.connections import Connections
from actors.endpoint.serving.lifetime import Lifetime, StartCancelled
from actors.endpoint.serving.proxies import Proxies
from actors.endpoint.serving.publish_requests import MAX_CONNECTIONS
from actors.endpoint.serving.publishing import Publishing
from actors.endpoint.serving.telling import Life
from actors.errors import ConfigError
from actors.pubsub import server as topics
from actors.reasons import KILLED, SHUTDOWN
from actors.runtime.dispatcher import Dispatcher, get_dispatcher
from actors.schedule import SERVER_AT_ONCE, before_last_words, reserve
from transports.http.connection import HTTPConnection
from transports.http.handling import Resource, resource
from transports.http.shared import Shared
from transports.tcp.admission import Admission
from transports.tcp.listener import Listener
from transports.tcp.stream import REQUEST_READ_SIZE
from transports.tcp.unix_listener import UnixListener

if TYPE_CHECKING:
    from actors.endpoint.mounts import Mounts
    from actors.pubsub.cluster import Cluster
    from supervision.processes.load import LoadShare
    from supervision.specs import ChildSpec
    from transports.tcp.stream import Stream

logger = logging.getLogger("roost.endpoint")


class Server:
    """One endpoint on listening sockets, which are its own from now on.

    ``cluster`` links this process to the others that serve the endpoint, ``pubsub`` are children to
    start before all others, ``boot_secret``: see :class:`~actors.endpoint.routes.Routes`. ``grace``
    overrides the endpoint's, in seconds. ``load`` is for processes that share the sockets, ``once``
    stands for what exists once, where that does not simply run in this process. ``workers``: how
    many a master was asked for, 0 where there is none.
    :class:`ConfigError` says what cannot be served.
    """

    def __init__(  # noqa: PLR0913 - all but two by name
        self,
        endpoint: Mounts,
        sockets: socket.socket | Sequence[socket.socket],
        *,
        tls: ssl.SSLContext | None = None,
        cluster: Cluster | None = None,
        pubsub: Iterable[ChildSpec] = (),
        boot_secret: str | None = None,
        grace: float | None = None,
        load: LoadShare | None = None,
        once: ChildSpec | None = None,
        workers: int = 0,
    ) -> None:
        options = endpoint.options
        self.endpoint = endpoint
        self.dispatcher: Dispatcher = get_dispatcher()
        self.grace = options.grace if grace is None else grace
        self.routes = Routes(
            endpoint, serves=self._serves, cluster=cluster, boot_secret=boot_secret
        )
        self.shared = Shared.of(options.http)
        self._proxies = Proxies.of(options)
        self._admission = Admission()
        self.listeners: list[Listener] = []
        self.publishing: list[Listener] = []
        self._cluster = cluster
        classes = {mounted.socket_class for mounted in endpoint.mounts}
        self.connections = Connections(
            self.listeners, self.routes.sessions, classes, options.last_poll, self.publishing
        )
        self.children = tree.children(endpoint, self.connections, self.grace, pubsub, once)
        self.budget = tree.budget(endpoint, self.children, self.grace)
        self.budget.check()
        self.failed: AsyncResult[str] = AsyncResult()
        """Set when the tree gave up by itself: why, through all layers."""
        self._lifetime = Lifetime(self._gave_up)
        self._life = Life(endpoint, workers, self.dispatcher.clock)
        self._leaving = False
        self._leaves_at = math.inf
        self._level = logging.INFO
        self._asked = Event()
        self._why = ""
        self._seconds = self._until = math.inf
        self._stopped: AsyncResult[bool] | None = None
        # Last, as whoever is refused keeps the sockets.
        for each in [sockets] if isinstance(sockets, socket.socket) else sockets:
            self.listeners.append(self._listener(each, tls, load))
        endpoint.served_on = tuple(each.address for each in self.listeners)

    def _listener(
        self, sock: socket.socket, tls: ssl.SSLContext | None, load: LoadShare | None
    ) -> Listener:
        options = self.endpoint.options

        def open_(stream: Stream) -> HTTPConnection:
            stream.limit_reads(REQUEST_READ_SIZE)
            proxied = self._proxies.proxied(stream, listener.readdress)
            return HTTPConnection(stream, self.routes.match, options.http, self.shared, proxied)

        rest: dict[str, Any] = {
            "tls": tls,
            "handshake_timeout": options.http.header_timeout,
            "max_connections": options.max_connections,
            "max_per_address": options.max_connections_per_address,
            "trusted": self._proxies.trusted,
            "by_preface": self._proxies.by_preface,
            "admission": self._admission,
            "load": load,
        }
        listener: Listener
        if sock.family == socket.AF_UNIX:  # the mode of its file says who may connect
            listener = UnixListener(sock, self.dispatcher, open_, any_user=True, **rest)
        else:
            listener = Listener(sock, self.dispatcher, open_, **rest)
        return listener

    def publish_on(self, sock: socket.socket, *, any_user: bool = False) -> None:
        """Let programs of this machine publish on a listening Unix socket; before the start.

        It is ours from now on. ``any_user``: not those of our own user alone.
        """
        root = resource(Publishing(self._cluster))
        options, shared = self.endpoint.options, self.shared

        def match(path: str) -> tuple[Resource, dict[str, str]] | None:
            return (root, {}) if path == "/" else None

        def open_(stream: Stream) -> HTTPConnection:
            stream.limit_reads(REQUEST_READ_SIZE)
            return HTTPConnection(stream, match, options.http, shared)

        listener = UnixListener(
            sock,
            self.dispatcher,
            open_,
            any_user=any_user,
            max_connections=MAX_CONNECTIONS,
        )
        self.publishing.append(listener)

    @property
    def listener(self) -> Listener:
        """The first listener: the only one unless several sockets were given."""
        return self.listeners[0]

    def facts(self) -> dict[str, Any]:
        """Return what a person may want to know, as plain values: seconds, and lines to print."""
        notes = self.routes.notes
        return {"grace": self.grace, "budget": self.budget.lines(), "notes": notes}

    # -- the start

    def start(self) -> None:
        """Start the tree; clients are accepted when this answers.

        :class:`ConfigError` and :class:`StartCancelled` as of :meth:`Lifetime.start`.
        """
        topics.serves = True  # children may broadcast while others still start
        self._life.begins()
        try:
            self._lifetime.start(self.children)
        except (ConfigError, StartCancelled) as error:
            self.connections.stop_accepting()
            if isinstance(error, ConfigError):
                self._life.failed(str(error))
            raise
        self._life.started()

    def _gave_up(self, why: str) -> None:
        self.failed.set(why)
        self._life.failed(why)

    def serve(self, on_ready: Callable[[], object], level: int = logging.INFO) -> int:
        """Start, call ``on_ready()``, serve until :meth:`ask`, and end; return the exit status.

        The status is 1 where the tree gave up. A start that was called off is an orderly end; what
        else :meth:`start` raises is raised. ``level`` is that of the lines which say what happens:
        a worker's master has said it already.
        """
        self._level = level
        try:
            self.start()
        except StartCancelled:
            logger.log(level, "%s: stopped before it served", self._why)
            return 0
        self.failed.rawlink(lambda _: self._asked.set())
        on_ready()
        self._asked.wait()
        if self.failed.ready():
            self._until = self.dispatcher.clock()
            logger.error("the endpoint gave up: %s", self.failed.value)
            return 1
        logger.log(level, "%s: stopping, within %g s", self._why, self._seconds)
        self.stop()
        logger.log(level, "ended, exit status 0")
        return 0

    def _serves(self) -> bool:
        return self.stage == "serving"

    # -- the end

    def leave(self, seconds: float = math.inf) -> None:
        """Say from now on, where somebody asks, that this process is to stop; it serves on.

        ``seconds``: until it must have ended, where that is known.
        """
        self._leaving = True
        self._leaves_at = self.dispatcher.clock() + seconds

    def ask(self, why: str, seconds: float, *, at_once: bool = False) -> None:
        """Have this process end within ``seconds``; of several wishes the one that is due first.

        ``at_once``: without a drain. A start that is under way is called off. Does not block; call
        it on the loop.
        """
        until = self.dispatcher.clock() + seconds
        if until >= self._until:
            return
        self._why, self._seconds, self._until = why, seconds, until
        self._asked.set()
        if self._lifetime.cancel_start():
            logger.log(self._level, "%s: stopping what has started, within %g s", why, seconds)
        elif at_once:
            self.stop_now()
        else:
            self._end_within(before_last_words(seconds))

    @property
    def stage(self) -> Literal["booting", "serving", "stopping"]:
        """What this process is at, as others may see it."""
        if self._leaving or self._asked.is_set():
            return "stopping"
        return "serving" if self._lifetime.started else "booting"

    @property
    def until(self) -> float | None:
        """When this process must have ended (CLOCK_MONOTONIC); ``None``: it need not."""
        until = min(self._until, self._leaves_at)
        return None if until == math.inf else until

    @property
    def left(self) -> float:
        """Seconds until this process must have ended; infinite before :meth:`ask`."""
        return max(0.0, self._until - self.dispatcher.clock())

    def stop(self, budget: float | None = None) -> bool:
        """Stop the tree in reverse order and wait for that, ``budget`` seconds at most.

        The default is what a process has that ends afterwards: ``grace`` less a last moment. A
        further call may shorten what an earlier one said, and returns the same: whether no
        connection had to be ended that was busy, or cut off.
        """
        self._end_within(before_last_words(self.grace) if budget is None else budget)
        if self._stopped is not None:
            return bool(self._stopped.get())
        self._stopped = AsyncResult()
        orderly, began = False, self.dispatcher.clock()
        try:
            orderly = self._stop()
        finally:
            self._stopped.set(orderly)
        self._life.stopped(began, self._why or "stop", orderly=orderly)
        return orderly

    def _stop(self) -> bool:
        if not self._lifetime.started:
            self.connections.stop_accepting()
            return True
        refs = self.connections.sockets()
        self._lifetime.stop()
        self.connections.wait_empty(min(self._lifetime.last_words, self._lifetime.left))
        cut_off = self.connections.abort()
        return not cut_off and all(ref.exit_reason != KILLED for ref in refs)

    def stop_now(self) -> None:
        """Tell every client 1001 at once, and have :meth:`stop` end soon. Does not block.

        Call it on the loop's thread, before :meth:`stop` or while that waits.
        """
        self.connections.stop_accepting()
        self.connections.cut_short(SHUTDOWN)
        self._end_within(SERVER_AT_ONCE)
        self._lifetime.hurry()

    def _end_within(self, seconds: float) -> None:
        self._lifetime.within(seconds, last_words=reserve(seconds))
