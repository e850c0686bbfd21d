"""A long-poll client: it polls on one connection, posts on another, as phoenix.js does."""

from __future__ import annotations

from typing import Any

import gevent

from supervision.drills.wire import Polling
from tests.support.raw import Answer, Client


class Poller:
    """A client of ``served``, which has an ``address``. Connections are opened when they are used.

    A connection has a name (``name``), or is one that the test has (``on``). A request has the
    token that an answer brought last, unless another is given. What is returned of an answer is its
    body; its status by HTTP must be 200.
    """

    def __init__(self, served: Any, path: str) -> None:
        self.served = served
        self.session = Polling(path)
        self._clients: dict[str, Client] = {}

    @property
    def token(self) -> str:
        return self.session.token

    @token.setter
    def token(self, token: str) -> None:
        self.session.token = token

    def target(self, token: str | None = None) -> str:
        return self.session.target(token)

    def client(self, name: str) -> Client:
        if name not in self._clients:
            self._clients[name] = Client(self.served.address)
        return self._clients[name]

    def share(self, other: Poller) -> None:
        """Use the connections of another client from now on."""
        self._clients = other._clients

    def close(self) -> None:
        for client in self._clients.values():
            client.close()

    def adopt(self, answer: Answer) -> dict[str, Any]:
        assert answer.status == 200, answer
        return self.session.adopt(answer)

    def open(self) -> dict[str, Any]:
        """Open a session, whatever was before."""
        body = self.poll("")
        assert body["status"] == 410
        return body

    # -- polls

    def begin_poll(self, token: str | None = None, *, on: Client | None = None) -> None:
        """Send a poll; :meth:`polled` reads its answer."""
        (on or self.client("poll")).send(self.session.poll(token=token))

    def polled(self, *, on: Client | None = None) -> dict[str, Any]:
        return self.adopt((on or self.client("poll")).answer())

    def poll(self, token: str | None = None, *, on: Client | None = None) -> dict[str, Any]:
        self.begin_poll(token, on=on)
        return self.polled(on=on)

    def start_poll(self, token: str | None = None, name: str = "poll") -> gevent.Greenlet:
        """Poll in a greenlet; ``get()`` returns the body, whose token is not adopted."""
        client, target = self.client(name), self.target(token)
        return gevent.spawn(lambda: client.ask(target).json)

    # -- posts

    def post(
        self,
        body: str | bytes,
        *lines: str,
        token: str | None = None,
        name: str = "post",
        on: Client | None = None,
    ) -> dict[str, Any]:
        client = on or self.client(name)
        client.send(self.session.post(body, *lines, token=token))
        return self.adopt(client.answer())

    def start_post(self, body: str, name: str = "post") -> gevent.Greenlet:
        return gevent.spawn(self.post, body, name=name)
