"""An endpoint served inside the test's process, for a client of the same test.

The server runs on gevent's hub of the calling thread, so the client must wait cooperatively
(``tests.support.raw`` does) or live in a thread or a process of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from actors.endpoint.serving.server import Server
from supervision.processes.sockets import bind

if TYPE_CHECKING:
    import ssl

    from actors.endpoint import Endpoint
    from actors.pubsub.cluster import Cluster


class Served:
    """Where an endpoint is served: ``address`` is (host, port)."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.address: tuple[str, int] = server.listener.address

    @property
    def host(self) -> str:
        return self.address[0]

    @property
    def port(self) -> int:
        return self.address[1]

    @property
    def streams(self) -> set[Any]:
        """The connections that are open now."""
        return self.server.listener.streams


@contextmanager
def serve(
    endpoint: Endpoint,
    *,
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    budget: float = 2.0,
    cluster: Cluster | None = None,
) -> Iterator[Served]:
    """Serve ``endpoint`` on a free port, and stop within ``budget`` seconds afterwards."""
    server = Server(endpoint, bind(host, 0), tls=tls, cluster=cluster)
    server.start()
    try:
        yield Served(server)
    finally:
        server.stop(budget)
