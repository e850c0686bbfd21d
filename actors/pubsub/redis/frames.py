"""What the workers of several machines say to each other over Redis: ``roost.redis.1`` (pure).

Every worker listens to ``<namespace>:b``, and to ``<namespace>:w:<worker>``, which is its own. A
message is the protocol, a space, the sender's machine, a space, and a msgpack list:

* ``["broadcast", publisher, sequence, kind, topic, packed]`` and ``["position", publisher,
  sequence]``: as on the bus (:mod:`actors.pubsub.wire`);
* ``["positions"]``: whoever has published says its position;
* ``["notify", worker, kind, body]``, to all or to one;
* to one: ``["direct", worker, topic, kind, packed]``, ``["request", worker, ticket, kind, body]``
  and ``["reply", worker, ticket, body]``. ``worker`` is who says it.

So a worker drops what comes from its own machine, whose workers the bus links, by one comparison.
A message of another name comes of a newer worker, and so does one of another ``roost.redis.``
number: both are passed over. All else is no message of ours.
"""

from __future__ import annotations

from typing import Any, Final

import msgpack

from actors.packets import MAX_FRAME, FrameError, pack, unpack

FAMILY: Final = b"roost.redis."
PROTOCOL: Final = FAMILY + b"1"

ROOM: Final = 64 * 1024
"""Bytes that a message may have beside its parcel or body, of :data:`MAX_FRAME` at most."""

MAX_MESSAGE: Final = MAX_FRAME + ROOM


class UnknownFrame(Exception):
    """A message of a newer worker; ``str()`` is what it calls itself."""


def machine_of(worker: str) -> str:
    """Return the machine that a worker's name begins with: ``<machine>-<number>``."""
    return worker.rpartition("-")[0]


def channels(namespace: str, worker: str) -> tuple[str, str]:
    """Return the channel of all, and that of one worker."""
    return f"{namespace}:b", f"{namespace}:w:{worker}"


def head(machine: str) -> bytes:
    """Return what each message of a machine begins with."""
    return b"%b %b " % (PROTOCOL, machine.encode())


def written(head: bytes, message: list[Any]) -> bytes:
    """Return a message as it travels. A body in it must have been packed with success before."""
    packed: bytes = msgpack.packb(message)
    return head + packed


def to_one(head: bytes, message: list[Any]) -> bytes:
    """Return a message for one worker; ``TypeError``, ``ValueError`` as :func:`pack` has them."""
    return head + pack(message, MAX_MESSAGE - len(head))


def read(data: bytes) -> list[Any]:
    """Return a message; :class:`UnknownFrame`, or :class:`FrameError` for what is none of ours."""
    protocol, _, rest = data[:256].partition(b" ")
    if protocol != PROTOCOL:
        if protocol.startswith(FAMILY):
            raise UnknownFrame(ascii(protocol.decode("latin-1"))[1:-1])
        raise FrameError(f"not a message of ours: {data[:40]!r}")
    machine, space, _ = rest.partition(b" ")
    if not space:
        raise FrameError("a message without a machine")
    message: Any = unpack(data[len(protocol) + len(machine) + 2 :])
    if not isinstance(message, list) or not message or type(message[0]) is not str:
        raise FrameError(f"not a message of ours: {message!r:.100}")
    name, *fields = message
    wanted = _FIELDS.get(name)
    if wanted is None:
        raise UnknownFrame(name[:80])
    if len(fields) != len(wanted) or not all(
        kind is None or type(field) is kind for kind, field in zip(wanted, fields, strict=True)
    ):
        raise FrameError(f"not a message of ours: {message!r:.100}")
    return message


_FIELDS: Final[dict[str, tuple[type | None, ...]]] = {
    "broadcast": (str, int, str, str, bytes),
    "position": (str, int),
    "positions": (),
    "direct": (str, str, str, bytes),
    "notify": (str, str, None),
    "request": (str, int, str, None),
    "reply": (str, int, None),
}
"""The types of each message's fields; ``None`` is anything."""
