"""A socket class made of single callbacks, served beside one that echoes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gevent.event import Event

from actors import Endpoint
from actors.results import Ok, Reply
from actors.runtime import registry
from actors.socket import Socket
from tests.support.waiting import DEADLINE, eventually


class Neighbour(Socket):
    """Echoes; whatever happens to others, it must go on doing so."""

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        return Reply(payload)


class Scripted(Socket):
    """What tests override callbacks of; without that it echoes. ``born`` are its instances."""

    born: list[Scripted]

    def init(self, state: Any) -> Ok:
        self.born.append(self)
        self.ends: list[Any] = []
        self.ended = Event()
        return Ok(state)

    def handle_in(self, payload: Any, opcode: Any) -> Any:
        return Reply(payload)

    def terminate(self, reason: Any) -> None:
        self.ends.append(reason)
        self.ended.set()


def scripted(**callbacks: Callable[..., Any]) -> type[Scripted]:
    """Return a class with these callbacks; ``connect`` is given ``info`` alone."""
    if "connect" in callbacks:
        connect = callbacks["connect"]
        callbacks["connect"] = classmethod(lambda cls, info: connect(info))
    return type("Scripted", (Scripted,), {"born": [], **callbacks})


class Stage:
    """A server with the scripted class at ``/s`` and the neighbour at ``/n``."""

    def __init__(self, transport: Any, socket_class: type[Scripted], served: Any) -> None:
        self.transport = transport
        self.socket_class = socket_class
        self.served = served
        self.clients: list[Any] = []

    def connect(self, query: str = "", **rest: Any) -> Any:
        return self._connect("/s", query, **rest)

    def neighbour(self) -> Any:
        return self._connect("/n", "")

    def _connect(self, mount: str, query: str, **rest: Any) -> Any:
        target = f"{mount}{self.transport.path}{query}"
        client = self.transport.connect(self.served.address, target, **rest)
        self.clients.append(client)
        return client

    @property
    def newest(self) -> Any:
        """The socket actor of the last client whose ``init`` has run."""
        eventually(lambda: self.socket_class.born)
        return self.socket_class.born[-1]

    def listen(self, client: Any) -> None:
        """See to it that the newest socket, ``client``'s, has a way to send at once."""
        client.listen()
        eventually(lambda: self.transport.hears(self.newest.transport))

    def close(self) -> None:
        for client in self.clients:
            client.close()


def endpoint_with(transport: Any, socket_class: type[Socket], options: Any) -> Endpoint:
    endpoint = Endpoint(
        check_origin=False,
        secret_key_base=("a secret of the tests, thirty-two characters",),
        last_poll=0.01,  # nobody polls once a test is over
    )
    transport.install(endpoint)
    endpoint.socket("/s", socket_class, **transport.mounted(options))
    endpoint.socket("/n", Neighbour, **transport.mounted({}))
    return endpoint


def terminated(socket: Any) -> Any:
    """Wait for ``terminate``; return the reason, once it is clear that there was one call."""
    assert socket.ended.wait(DEADLINE)
    eventually(lambda: socket.exit_reason is not None)
    eventually(lambda: registry.get_by_urn(socket.actor_urn) is None)
    (reason,) = socket.ends
    return reason
