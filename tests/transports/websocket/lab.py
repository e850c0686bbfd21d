"""A WebSocket mount whose socket does what a test tells it, and keeps what happened to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from gevent.event import Event
from gevent.queue import Queue

from actors import Endpoint, Ok, Reply, Socket
from tests.support.raw import TEXT, Client, Frame, frame, upgrade
from tests.support.server import serve

DEADLINE = 20.0
TARGET = "/lab/websocket"

Action = Callable[[Any], Any]


class LabSocket(Socket):
    """Echoes, unless ``lab.on`` has an action for the payload; ``lab`` is set by the subclass."""

    lab: Lab

    def init(self, state: Any) -> Ok:
        self.lab.sockets.append(self)
        self.lab.on_init(self)
        return Ok(state)

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        self.lab.seen.append(payload)
        action = self.lab.on.get(payload) if isinstance(payload, str) else None
        return Reply(payload, opcode=opcode) if action is None else action(self)

    def handle_info(self, message: Any) -> Any:
        return message(self)

    def terminate(self, reason: Any) -> None:
        self.lab.reasons.put(reason)
        self.lab.on_terminate(self)


class Beside(Socket):
    """Echoes, and is kept out of what the lab keeps."""

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        return Reply(payload)


class Lab:
    """Serves :class:`LabSocket` at :data:`TARGET`; ``options`` are those of the mount.

    ``seen``: the messages in order. ``reasons``: what ``terminate`` was called with, for each
    socket that ended. ``block`` is an action that waits for ``release`` and says ``entered``.
    """

    def __init__(
        self,
        on: dict[str, Action] | None = None,
        *,
        on_init: Action = lambda _: None,
        on_terminate: Action = lambda _: None,
        socket_class: type[LabSocket] = LabSocket,
        **options: Any,
    ) -> None:
        self.on = {"block": self.block, **(on or {})}
        self.on_init = on_init
        self.on_terminate = on_terminate
        self.seen: list[Any] = []
        self.sockets: list[Any] = []
        self.reasons: Queue[Any] = Queue()
        self.entered, self.release = Event(), Event()
        endpoint = Endpoint()
        endpoint.socket("/lab", type("Lab", (socket_class,), {"lab": self}), websocket=options)
        endpoint.socket("/beside", Beside)
        self._context = serve(endpoint)

    def __enter__(self) -> Self:
        self.served = self._context.__enter__()
        self.server = self.served.server
        return self

    def __exit__(self, *error: object) -> None:
        self.release.set()
        self._context.__exit__(*error)

    def block(self, _: Any = None) -> None:
        self.entered.set()
        assert self.release.wait(DEADLINE)

    def connect(self, *, glued: bytes = b"", target: str = TARGET) -> Client:
        """Return a client that is upgraded; ``glued`` goes out in one write with the request."""
        client = Client(self.served.address)
        client.send(upgrade(target) + glued)
        assert client.answer().status == 101
        return client

    def reason(self) -> Any:
        """Wait for the next ``terminate``, and answer what it was given."""
        return self.reasons.get(timeout=DEADLINE)

    def wait_closed(self, timeout: float = DEADLINE) -> None:
        """Wait until every connection's descriptor is gone."""
        assert self.server.listener.wait_empty(timeout), "a connection is still open"

    def wait_read(self) -> None:
        """Come back when the server has read all that clients had sent before this call."""
        with self.connect(target="/beside/websocket") as other:
            for _ in range(2):  # the first may have been read in the same poll phase
                assert say(other, "round trip") == Frame(TEXT, b"round trip")


def say(client: Client, text: str) -> Frame:
    """Send a text and answer the next frame."""
    client.send(frame(TEXT, text))
    return client.frame()
