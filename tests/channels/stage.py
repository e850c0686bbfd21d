"""A socket class on a real server, and clients that speak each version over each transport.

What a client receives is ``(join_ref, ref, topic, event, payload)``. Version 1.0.0 has no join_ref:
:meth:`Peer.expect` and :func:`reply` are written once, for all.
"""

from __future__ import annotations

import itertools
import json
from typing import Any, Self

import gevent
import msgpack
from gevent.event import Event

from actors import Channel, ChannelSocket, Endpoint, Ok, on, pubsub
from actors.runtime import registry
from tests.support.longpoll import Poller
from tests.support.raw import BINARY, CLOSE, TEXT, Client, frame
from tests.support.waiting import DEADLINE, eventually

TABLE = pubsub.server._table

_numbers = itertools.count(1)

V1, V2, PACKED = "1.0.0", "2.0.0", "2.0.0-msgpack"


def reply(
    join_ref: Any, ref: Any, topic: str, response: Any = None, status: str = "ok"
) -> tuple[Any, ...]:
    """Return a reply as :meth:`Peer.expect` takes it."""
    payload = {"status": status, "response": {} if response is None else response}
    return join_ref, ref, topic, "phx_reply", payload


def error(join_ref: Any, ref: Any, topic: str, reason: str) -> tuple[Any, ...]:
    """Return an error reply that has a reason."""
    return reply(join_ref, ref, topic, {"reason": reason}, "error")


def closed(join_ref: Any, topic: str) -> tuple[Any, ...]:
    """Return the end of a channel that was meant."""
    return join_ref, join_ref, topic, "phx_close", {}


def crashed(join_ref: Any, topic: str) -> tuple[Any, ...]:
    """Return the end of a channel that was not."""
    return join_ref, join_ref, topic, "phx_error", {"reason": "channel_crash"}


class Room(Channel):
    """What most tests need of a channel."""

    ended: list[Any]

    @on("echo")
    def echo(self, payload: Any) -> Ok:
        return Ok(payload)

    @on("shout")
    def shout(self, payload: Any) -> None:
        self.broadcast("shout", payload)

    @on("raise")
    def fail(self, payload: Any) -> None:
        raise ValueError("on purpose")

    def terminate(self, reason: Any) -> None:
        self.endpoint.ended.append((self.topic, self.join_ref, reason))


class Gate:
    """Where a callback blocks until the test lets it go on; ``count``: who has come to it."""

    def __init__(self) -> None:
        self._open = Event()
        self.count = 0

    def wait(self) -> None:
        self.count += 1
        assert self._open.wait(DEADLINE)

    def reached(self, count: int = 1) -> None:
        eventually(lambda: self.count >= count)

    def open(self) -> None:
        self._open.set()


class Stage:
    """A served socket class. ``ended``: ``(topic, join_ref, reason)`` of each ``terminate``."""

    def __init__(self, served: Any, endpoint: Endpoint, socket_class: type[ChannelSocket]) -> None:
        self.served = served
        self.endpoint = endpoint
        self.socket_class = socket_class
        self.ended: list[Any] = endpoint.ended  # type: ignore[attr-defined]
        self._peers: list[Any] = []

    def connect(self, vsn: str = V2, transport: str = "websocket", **params: str) -> Any:
        kind = Polled if transport == "longpoll" else Peer
        peer = kind(self.served, vsn, **params)
        self._peers.append(peer)
        return peer

    def joined(self, topic: str = "room:1", vsn: str = V2, transport: str = "websocket") -> Any:
        """Connect a client that has joined ``topic`` by the ref ``"1"``."""
        peer = self.connect(vsn, transport)
        peer.join(topic)
        return peer

    def live(self, of: type[Any] | None = None) -> list[Any]:
        """Return the actors of a class: of the sockets', by default of channels."""
        wanted = of or Channel
        return [
            ref.actor_inbox.actor
            for ref in registry.get_where(lambda kind: issubclass(kind, wanted))
        ]

    def drain(self) -> None:
        """Begin to stop the server, as at SIGTERM."""
        gevent.spawn(self.served.server.stop, DEADLINE)

    def close(self) -> None:
        for peer in self._peers:
            peer.close()

    def wait_empty(self) -> None:
        """Wait until no table knows of any client or channel."""
        eventually(lambda: not self.live() and not self.live(ChannelSocket))
        assert (TABLE._lanes, TABLE._topics, TABLE._of) == ({}, {}, {})


class _Speaks:
    """What is common to clients of all transports."""

    vsn: str

    def _encode(self, message: tuple[Any, ...]) -> str | bytes:
        if self.vsn == PACKED:
            return msgpack.packb(list(message))
        if self.vsn == V1:
            names = ("join_ref", "ref", "topic", "event", "payload")
            return json.dumps(dict(zip(names, message, strict=True)))
        return json.dumps(list(message))

    def _decode(self, data: str | bytes) -> tuple[Any, ...]:
        if self.vsn == PACKED:
            return tuple(msgpack.unpackb(data))
        found = json.loads(data)
        if isinstance(found, dict):
            return (None, *(found[name] for name in ("ref", "topic", "event", "payload")))
        return tuple(found)

    def _as_told(self, message: tuple[Any, ...]) -> tuple[Any, ...]:
        return (None, *message[1:]) if self.vsn == V1 else message

    def send(self, join_ref: Any, ref: Any, topic: str, event: str, payload: Any = None) -> None:
        self.send_raw(
            self._encode((join_ref, ref, topic, event, {} if payload is None else payload))
        )

    def expect(self, *messages: tuple[Any, ...]) -> None:
        """Read as many messages, and check that they are these."""
        got = [self.recv() for _ in messages]
        assert got == [self._as_told(message) for message in messages]

    def join(self, topic: str = "room:1", ref: str = "1", payload: Any = None) -> None:
        self.send(ref, ref, topic, "phx_join", payload)
        self.expect(reply(ref, ref, topic))

    def beat(self, ref: str = "hb") -> None:
        """Check that a heartbeat is answered next."""
        self.send(None, ref, "phoenix", "heartbeat")
        self.expect(reply(None, ref, "phoenix"))


class Peer(_Speaks):
    """A WebSocket client."""

    def __init__(self, served: Any, vsn: str, **params: str) -> None:
        self.vsn = vsn
        self.client = Client(served.address)
        query = "&".join(f"{name}={value}" for name, value in {"vsn": vsn, **params}.items())
        self.answer = self.client.upgrade(f"/socket/websocket?{query}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send_raw(self, data: str | bytes) -> None:
        self.client.send(frame(TEXT if isinstance(data, str) else BINARY, data))

    def send_many(self, messages: list[tuple[Any, ...]]) -> None:
        """Send all in one piece."""
        opcode = BINARY if self.vsn == PACKED else TEXT
        self.client.send(b"".join(frame(opcode, self._encode(each)) for each in messages))

    def recv_raw(self) -> str | bytes:
        got = self.client.frame()
        assert got.opcode in (TEXT, BINARY), got
        return got.payload.decode() if got.opcode == TEXT else got.payload

    def recv(self) -> tuple[Any, ...]:
        return self._decode(self.recv_raw())

    def code(self) -> int | None:
        """Read up to the Close frame, and return its code."""
        return next(got for got in iter(self.client.frame, None) if got.opcode == CLOSE).code

    def closes(self, code: int) -> None:
        """Check that a Close frame with ``code`` is next."""
        got = self.client.frame()
        assert (got.opcode, got.code) == (CLOSE, code), got

    def close(self) -> None:
        self.client.close()


class Polled(_Speaks):
    """A long-poll client: it sends one POST for each message, and polls when it has none."""

    def __init__(self, served: Any, vsn: str, **params: str) -> None:
        self.vsn = vsn
        query = "&".join(f"{name}={value}" for name, value in {"vsn": vsn, **params}.items())
        self.poller = Poller(served, f"/socket/longpoll?{query}")
        self.poller.open()
        self._got: list[str] = []

    def send_raw(self, data: str | bytes) -> None:
        assert self.poller.post(data)["status"] == 200

    def send_many(self, messages: list[tuple[Any, ...]]) -> None:
        if self.vsn == V1:  # a line is an array
            for each in messages:
                self.send_raw(self._encode(each))
            return
        lines = "\n".join(str(self._encode(each)) for each in messages)
        body = self.poller.post(lines, "Content-Type: application/x-ndjson")
        assert body["status"] == 200

    def recv(self) -> tuple[Any, ...]:
        while not self._got:
            body = self.poller.poll()
            assert body["status"] in (200, 204), body
            self._got = body.get("messages", [])
        return self._decode(self._got.pop(0))

    def closes(self, code: int) -> None:
        """Check that nothing is left, and the session lost: a poll has no code for its end."""
        assert self._got == []
        assert self.poller.poll()["status"] == 500

    def close(self) -> None:
        self.poller.close()


def socket_of(
    channels: dict[str, Any], socket_class: type[ChannelSocket] = ChannelSocket, **attributes: Any
) -> type[ChannelSocket]:
    """Make a socket class; its attributes are its limits and callbacks.

    Each has a name of its own, as lines of the log are counted by that.
    """
    name = f"Socket{next(_numbers)}"
    return type(name, (socket_class,), {"channels": channels, **attributes})
