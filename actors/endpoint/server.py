"""Serves an endpoint in this process: router, listener, connections, and their orderly end."""

from __future__ import annotations

import logging
import ssl
from typing import TYPE_CHECKING, Any, Final

from actors.endpoint.routes import Routes
from actors.runtime.dispatcher import Dispatcher, get_dispatcher
from transports.http.connection import HTTPConnection
from transports.listener import Listener

if TYPE_CHECKING:
    import socket

    from actors.endpoint.definition import Endpoint
    from actors.runtime.actor import Actor
    from transports.stream import Stream

LAST_WORDS: Final = 1.0
"""Seconds, at most, at the end of a shutdown: for Close frames to clients of busy sockets."""

logger = logging.getLogger("roost.endpoint")


class Server:
    """One endpoint on one listening socket."""

    def __init__(
        self,
        endpoint: Endpoint,
        sock: socket.socket,
        *,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.dispatcher: Dispatcher = get_dispatcher()
        self.routes = Routes(endpoint)
        options = endpoint.options
        self.listener = Listener(
            sock,
            self.dispatcher,
            self._open,
            tls=tls,
            handshake_timeout=options.http.header_timeout,
            max_connections=options.max_connections,
            max_per_address=options.max_connections_per_address,
        )

    def _open(self, stream: Stream) -> HTTPConnection:
        return HTTPConnection(stream, self.routes.match, self.endpoint.options.http)

    def start(self) -> None:
        """Accept clients."""
        self.listener.start()

    def stop(self, budget: float) -> bool:
        """Stop accepting, end every connection with 1012, and wait up to ``budget`` seconds.

        Who is busy in a callback towards the end of it is ended without being asked again. Answers
        whether that was not needed. What is left then is cut off.
        """
        until = self.dispatcher.clock() + budget
        streams = self.listener.streams
        self.listener.stop()
        actors = self._tell("drain")
        orderly = self.listener.wait_empty(budget - min(LAST_WORDS, budget / 4))
        if not orderly:
            logger.warning("%d connections have not ended by themselves", len(streams))
            actors += self._tell("cut_short")
            self.listener.wait_empty(until - self.dispatcher.clock())
        for stream in list(streams):
            stream.abort()
        for actor in actors:  # their clients are gone, but terminate may take its time
            actor.actor_stopped.wait(max(0.0, until - self.dispatcher.clock()))
        return orderly

    def _tell(self, method: str) -> list[Actor]:
        """Call the method of each connection that has it; answers the actors behind them."""
        protocols: list[Any] = [stream.protocol for stream in self.listener.streams]
        for protocol in protocols:
            getattr(protocol, method, lambda: None)()
        return [protocol.actor for protocol in protocols if hasattr(protocol, "actor")]
