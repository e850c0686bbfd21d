"""The catalogue of events: what :mod:`actors.telemetry` tells, when, and in which units. Pure data.

The tables of docs/events.md and of the docstring of :mod:`actors.telemetry` are made of it. A test
holds that each ``telemetry.execute`` and ``telemetry.span`` in the code is here, with exactly these
measurements and metadata, and the other way round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from logging import DEBUG, ERROR, INFO, WARNING
from typing import Final


@dataclass(frozen=True, slots=True)
class Event:
    """One event: ``name`` happens when ``means`` says.

    ``measurements`` are numbers: each with its unit, one of :data:`UNITS`. ``metadata``: each with
    what it is. ``level`` is that of its line in the log, of which there are ``burst`` in each
    ``period`` seconds; ``told``: whoever tells the event has logged it already, and no line is due.
    ``hot``: it happens for each message, request or client; whoever attaches a handler pays for it.
    ``master``: it happens in the master, where no code of the application runs. Nobody is there to
    say how many lines were held back before the next one comes, so its bursts are large.
    """

    name: str
    means: str
    measurements: Mapping[str, str]
    metadata: Mapping[str, str]
    level: int = DEBUG
    told: bool = False
    hot: bool = False
    master: bool = False
    burst: int = 1
    period: float = 1.0


SECONDS: Final = "seconds"
BYTES: Final = "bytes"
MESSAGES: Final = "messages"
CONNECTIONS: Final = "connections"
SESSIONS: Final = "sessions"
TURNS: Final = "turns"
METAS: Final = "metas"
WORKERS: Final = "workers"
RESTARTS: Final = "restarts"
TIMES: Final = "times"
FLAG: Final = "0 or 1"
NUMBER: Final = "a number"
STATUS: Final = "an HTTP status"

UNITS: Final = frozenset(
    {
        SECONDS, BYTES, MESSAGES, CONNECTIONS, SESSIONS, TURNS, METAS, WORKERS, RESTARTS, TIMES,
        FLAG, NUMBER, STATUS,
    }
)  # fmt: skip

CAUSES: Final = frozenset(
    {
        "address_limit", "busy", "connect", "crash", "draining", "forwarded", "handshake", "host",
        "limit", "origin", "subprotocol", "untrusted",
    }
)  # fmt: skip
"""Why a client is refused. ``limit``, ``address_limit``: there are too many, or too many of its
address. ``busy``: all carriers are blocked. ``draining``: the server ends. ``handshake``: the
request is none that opens a connection. ``host``, ``origin``, ``subprotocol``: it is none of those
that options allow. ``connect``: the application's word. ``crash``: its code raised, or answered
neither ``Ok`` nor ``Error``. ``untrusted``: no trusted proxy, where only those may connect.
``forwarded``: what a trusted proxy says of its client is malformed."""

_ONCE = {"count": TIMES}
_DURATION = {"duration": SECONDS}

_ENDPOINT = {
    "addresses": "as `endpoint.served_on`: (host, port) or (path, 0); none in another server",
    "workers": "how many the command was asked for; 0: no master, this process does all",
}
_WORKER = {"slot": "its place, from 1", "name": "its name on the bus", "pid": "its process"}
_TRIGGER = {"trigger": "who asked: `signal`, `files` or `ops`"}
_MOUNT = {"mount": "the path of the mount"}
_ID = {"id": "the URN of the socket's actor"}
_CONNECTION = {**_ID, **_MOUNT, "transport": "`websocket`, `longpoll`, or an application's own"}
_CHANNEL = {"channel": "a class", "topic": "its topic"}
_PEER = {"peer": "a worker, or `redis`"}
_PUBLISHER = {"publisher": "a worker"}
_BLOCKED = {"blocked": TURNS, "limit": TURNS}
_SUPERVISOR = {
    "supervisor": "its name and URN",
    "child": "the id of its spec",
    "reason": "why the child ended",
}
_CODE = {
    "socket": "a class",
    "serializer": "the version of the protocol, as the client named it",
    "cause": "the error's message, without the payload",
}

_ENDPOINTS = (
    Event(
        "endpoint.start", "an endpoint has started, and clients are let in",
        _DURATION, _ENDPOINT, INFO, told=True,
    ),
    Event(
        "endpoint.stop", "it has ended, as it was told to; orderly: nobody had to be cut off",
        {**_DURATION, "orderly": FLAG},
        {**_ENDPOINT, "reason": "who told it: a signal, the master, or `stop`"}, INFO, told=True,
    ),
    Event(
        "endpoint.failed", "it did not start, or gave up; the duration is that until then",
        _DURATION, {**_ENDPOINT, "reason": "why, in words"}, ERROR, told=True,
    ),
    Event(
        "worker.started", "a worker process was started",
        _ONCE, _WORKER, told=True, master=True,
    ),
    Event(
        "worker.ready", "it serves; boot: from its start to that",
        {"boot": SECONDS}, _WORKER, INFO, master=True, burst=256,
    ),
    Event(
        "worker.ended", "it has ended; the duration is that since its start",
        _DURATION, {**_WORKER, "status": "its exit status in words"},
        WARNING, told=True, master=True,
    ),
    Event(
        "reload.start", "workers are going to be replaced one by one",
        {"count": WORKERS}, _TRIGGER, INFO, master=True, burst=8,
    ),
    Event(
        "reload.stop", "all have been replaced",
        _DURATION, _TRIGGER, INFO, master=True, burst=8,
    ),
    Event(
        "reload.failed", "a worker that was to serve did not: the others stay as they are",
        _DURATION, {**_TRIGGER, "error": "why, in words"}, ERROR, told=True, master=True,
    ),
    Event(
        "ops.deed", "somebody had the ops process do something; it happens there",
        _ONCE,
        {"deed": "such as `reload`", "target": "what it was done to", "address": "who asked"},
        WARNING, told=True,
    ),
    Event(
        "supervisor.restart", "a supervisor starts a child again; count: within its period",
        {"count": RESTARTS}, _SUPERVISOR, WARNING, told=True,
    ),
    Event(
        "supervisor.gave_up", "that would have been one restart too many: the supervisor ends",
        {"count": RESTARTS}, _SUPERVISOR, ERROR, told=True,
    ),
    Event(
        "drain.start", "a drainer begins to end the connections of a class",
        {"total": CONNECTIONS}, {"drainer": "the class"}, INFO, told=True,
    ),
    Event(
        "drain.batch", "it tells a batch of them; index counts from 1, left are those behind",
        {"index": NUMBER, "count": CONNECTIONS, "left": CONNECTIONS}, {"drainer": "the class"},
        INFO, told=True,
    ),
    Event(
        "drain.stop", "none is left; late: those that had to be ended",
        {**_DURATION, "total": CONNECTIONS, "late": CONNECTIONS}, {"drainer": "the class"}, INFO,
        burst=16,
    ),
)  # fmt: skip

_CONNECTIONS = (
    Event(
        "connection.opened", "a client has connected; open: how many the mount has here",
        {"open": CONNECTIONS}, {**_CONNECTION, "peer": "the client's address"}, hot=True,
    ),
    Event(
        "connection.closed",
        "its socket has ended; what it carried is counted if somebody listened when it connected",
        {
            **_DURATION, "bytes_in": BYTES, "bytes_out": BYTES,
            "messages_in": MESSAGES, "messages_out": MESSAGES,
        },
        {
            **_CONNECTION, "peer": "the client's address", "reason": "an exit reason",
            "code": "the close code of WebSocket; `None` where there was none",
            "by": "who began it: `client` or `server`",
        },
        hot=True,
    ),
    Event(
        "connection.refused", "a client was turned away",
        _ONCE,
        {
            "mount": "the path of the mount; `None` before it was known",
            "cause": "one of `actors.events.CAUSES`",
            "status": "of the answer; `None` where there was none",
        },
        INFO, told=True, hot=True,
    ),
    Event(
        "connection.slow_consumer", "a client is ended that reads less than it is sent",
        {"queued": BYTES}, _CONNECTION, INFO, told=True,
    ),
    Event(
        "socket.connected", "`connect` was asked about a client",
        _DURATION, {"socket": "a class", "info": "a `ConnectInfo`", "accepted": "a bool"}, hot=True,
    ),
    Event(
        "longpoll.opened", "a session began; open: how many the mount has here",
        {"open": SESSIONS}, {**_ID, **_MOUNT}, hot=True,
    ),
    Event(
        "longpoll.closed", "it was forgotten; messages: those that no poll has fetched",
        {**_DURATION, "messages": MESSAGES},
        {**_ID, **_MOUNT, "reason": "the exit reason of its socket"}, hot=True,
    ),
    Event(
        "http.request", "a request was answered; bytes: of the answer, 0 where they are not known",
        {**_DURATION, "bytes": BYTES},
        {
            "route": "the path as it was declared; `None`: no mount's",
            "method": "of the request", "path": "of the request, without the query",
            "status": "of the answer", "peer": "the client's address",
            "request": "a `Request`, which may hold secrets; `None`: what came was none",
        },
        hot=True,
    ),
)  # fmt: skip

_ACTORS = (
    Event(
        "actor.crashed", "an actor ended because a callback raised",
        _ONCE,
        {
            "actor": "a class", "callback": "where: `app.py:31 in handle_in`",
            "error": "the exception", "id": "the actor's URN",
        },
        ERROR, told=True,
    ),
    Event(
        "mailbox.overflow", "an actor was told more than its mailbox takes; what waits",
        {"messages": MESSAGES, "bytes": BYTES},
        {"actor": "a class", "policy": "`reject`, `drop` or `stop`"}, WARNING, told=True,
    ),
    Event(
        "carriers.many", "many turns are blocked in user code", _BLOCKED,
        {"where": "what most of the oldest block in"}, WARNING, told=True,
    ),
    Event(
        "carriers.full", "as many as may be: new clients are told 503", _BLOCKED,
        {"where": "what most of the oldest block in"}, ERROR, told=True,
    ),
    Event("carriers.free", "they are few again", _BLOCKED, {}, INFO, told=True),
)  # fmt: skip

_CHANNELS = (
    Event(
        "channel.joined", "a client was let into a topic; the duration is that of `join`",
        _DURATION, _CHANNEL, told=True, hot=True,
    ),
    Event(
        "channel.left", "a client has left; the duration is that since it had joined",
        _DURATION, _CHANNEL, hot=True,
    ),
    Event(
        "channel.closed", "a channel that was joined has ended, whyever",
        _ONCE, {**_CHANNEL, "reason": "an exit reason"}, hot=True,
    ),
    Event(
        "channel.handled_in", "the callback for a client's event has run",
        _DURATION, {**_CHANNEL, "event": "of the client"}, told=True, hot=True,
    ),
    Event(
        "channel.refused", "an error reply of ours, or a join that the application refused",
        _ONCE,
        {
            "owner": "the class of the channel or of the socket",
            "topic": "its topic", "reason": "in words, of a closed set",
        },
        INFO, told=True, hot=True,
    ),
    Event(
        "message.undecodable", "a client is ended for a message that cannot be read",
        {"bytes": BYTES}, _CODE, INFO, told=True,
    ),
    Event(
        "message.undeliverable", "a broadcast could not be encoded for the clients of a protocol",
        {"bytes": BYTES},
        {
            "topic": "its topic", "event": "its name",
            "serializer": "the class that could not", "cause": "the exception's class",
        },
        ERROR, told=True,
    ),
    Event(
        "presence.diff", "a diff was told here; its metas, and the size of its payload",
        {"joins": METAS, "leaves": METAS, "size": BYTES},
        {"presence": "a class", "topic": "its topic"}, hot=True,
    ),
    Event(
        "presence.replica", "another worker's set has come, is cut off, or is given up",
        _ONCE,
        {
            "presence": "its name", "replica": "a worker",
            "status": "`up`, `down` or `gone`",
        },
    ),
    Event(
        "presence.malformed", "a message that is not presence's was dropped",
        _ONCE, {"peer": "a worker"}, WARNING, told=True,
    ),
)  # fmt: skip

_BETWEEN = (
    Event(
        "pubsub.gap", "broadcasts of a publisher have not come",
        {"missing": MESSAGES}, _PUBLISHER, WARNING, told=True,
    ),
    Event(
        "pubsub.dropped", "messages were not queued for a peer that takes none",
        {"count": MESSAGES}, _PEER, WARNING,
    ),
    Event(
        "pubsub.link", "a link to a peer went up or down", {"up": FLAG}, _PEER, INFO, told=True
    ),
    Event(
        "pubsub.malformed", "a message that is not ours was dropped",
        _ONCE, _PEER, WARNING, told=True,
    ),
    Event(
        "pubsub.renumbered", "wrong numbers of a publisher were believed",
        _ONCE, _PUBLISHER, WARNING, told=True,
    ),
    Event(
        "pubsub.refused",
        "subscribers missed a broadcast: their mailboxes were full, or their protocol has no"
        " form for it (bytes in version 1.0.0)",
        {"count": MESSAGES}, {"topic": "its topic"}, WARNING,
    ),
    Event(
        "pubsub.unknown", "a message of a newer worker was passed over",
        _ONCE, {"kind": "what it calls it"},
    ),
    Event(
        "publish.request", "a program of this machine has published; or was refused",
        {"status": STATUS, "count": MESSAGES, "size": BYTES},
        {"path": "of the request", "peer": "an address, or `unix`"}, told=True, hot=True,
    ),
    Event(
        "once.appointed", "what exists once runs here; its number is greater each time",
        {"number": NUMBER}, {"names": "of what runs"}, told=True,
    ),
    Event(
        "once.lost", "it does not any more; held: how long it did",
        {"number": NUMBER, "held": SECONDS}, {"names": "of what ran", "reason": "in words"},
        INFO, told=True,
    ),
    Event(
        "once.dropped", "a message to what exists once was told to nobody, or not sent",
        {"count": MESSAGES}, {"name": "whom it was for", "reason": "in words"},
        WARNING, told=True,
    ),
)  # fmt: skip

CATALOGUE: Final[Mapping[str, Event]] = {
    event.name: event for event in (*_ENDPOINTS, *_CONNECTIONS, *_ACTORS, *_CHANNELS, *_BETWEEN)
}
"""Every event, by its name."""

SECTIONS: Final[Mapping[str, tuple[Event, ...]]] = {
    "Endpoint, processes, supervision": _ENDPOINTS,
    "Connections and requests": _CONNECTIONS,
    "Actors": _ACTORS,
    "Channels and presence": _CHANNELS,
    "Between workers and machines": _BETWEEN,
}
"""The same, as the documentation has them."""
