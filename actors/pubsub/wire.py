"""What goes over a link between two workers: ``roost.bus.2``, and ``roost.bus.1`` for one release.

A worker connects, greets and is welcomed. From then on it alone speaks. Each frame is a list:

* ``["roost.bus.2", worker, first, {"published": n}]``, the greeting: ``first`` is the number of the
  next message of this link, and the worker's last broadcast before that is its n-th. Keys that
  nobody knows are passed over. ``["roost.bus.2", {}]`` is the welcome; who does not know the
  protocol hangs up instead;
* ``["broadcast", number, publisher, sequence, kind, topic, packed]``: a parcel of ``kind`` for the
  subscribers of ``topic``, the publisher's ``sequence``-th; 0 where it is for this worker alone;
* ``["position", number, publisher, sequence]``: the publisher's last broadcast is that one. It is
  said a while after that, so that the loss of the last one shows too;
* ``["notify", number, kind, body]``: nobody answers;
* ``["request", number, ticket, kind, body]`` and ``["reply", number, ticket, body]``;
* ``["part", number, bytes]`` and ``["whole", number]``: a message that is too large for a frame.

A message of another name comes of a newer worker. It is passed over.

``roost.bus.1`` has no welcome: a worker that does not know it hangs up. Its greeting ends with
``first``, its broadcast is ``["broadcast", number, topic, packed]``, and a request with the ticket
0 is what ``notify`` is now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgpack

from actors.packets import MAX_FRAME, FrameError, frame, pack, unpack

PROTOCOL: Final = "roost.bus.2"
BEFORE: Final = "roost.bus.1"
"""That of the release before: for workers of both releases at once, while one follows the other."""

PLAIN: Final = "plain"
"""The kind of a parcel that is :func:`actors.packets.pack`'s."""

EVENT: Final = "event"
"""The kind of a parcel for channels: ``[event, whether the body is binary, body]``, packed."""

MAX_WHOLE: Final = 24 * 1024 * 1024
"""Bytes of one request, reply or notice, which travels in parts where a frame is too small."""

PART: Final = 1024 * 1024

SMALL: Final = 4096
"""Bytes of a request, reply or notice that passes where too much waits already: so that this can be
told, and what keeps a cluster going is not held up by what is large."""

RESERVE: Final = 1024 * 1024
"""Bytes of a queue that small ones have for themselves, beyond its bound."""

WELCOME: Final = frame(pack([PROTOCOL, {}]))

_NUMBER: Final = 9
"""Bytes of a number, at most."""

_pack: Callable[[object], bytes] = msgpack.Packer().pack  # packb makes a packer each time


class Message(NamedTuple):
    """One message without its number, packed once however many links it goes over.

    ``head`` is what stands before the number, and ``tail`` what comes behind. ``size``: its bytes,
    at most. ``parts``: how many it travels in, 0 if it fits into a frame. ``sequence``: of a
    broadcast, see above; ``None`` for all that is none.
    """

    head: bytes
    tail: bytes
    size: int
    parts: int
    sequence: int | None = None


def _message(name: str, fields: bytes, sequence: int | None = None) -> Message:
    """Return the message of that name, with ``fields``: a packed list of a few."""
    head, tail = _HEADS[name], fields[1:]
    size = len(head) + _NUMBER + len(tail)
    if size > MAX_WHOLE:
        raise ValueError(f"a message of {size} bytes, over {MAX_WHOLE}")
    return Message(head, tail, size, -(-size // PART) if size > MAX_FRAME else 0, sequence)


_FIELDS: Final = {"broadcast": 7, "position": 4, "notify": 4, "request": 5, "reply": 4}
_HEADS: Final = {name: bytes([0x90 | count]) + _pack(name) for name, count in _FIELDS.items()}

KNOWN: Final = frozenset({*_FIELDS, "part", "whole"})


def broadcast(publisher: str, sequence: int, kind: str, topic: str, packed: bytes) -> Message:
    """Return a parcel."""
    return _message("broadcast", _pack([publisher, sequence, kind, topic, packed]), sequence)


def position(publisher: str, sequence: int) -> Message:
    """Return the number of a publisher's last broadcast."""
    return _message("position", _pack([publisher, sequence]))


def notify(kind: str, body: Any) -> Message:
    """Return a message that nobody answers."""
    return _message("notify", pack([kind, body], MAX_WHOLE))


def request(ticket: int, kind: str, body: Any) -> Message:
    """Return a request, whose reply will have its ``ticket``."""
    return _message("request", pack([ticket, kind, body], MAX_WHOLE))


def reply(ticket: int, body: Any) -> Message:
    """Return the reply to a request."""
    return _message("reply", pack([ticket, body], MAX_WHOLE))


def frames(protocol: str, messages: Iterable[tuple[int, Message]]) -> Iterator[bytes]:
    """Yield what to write of numbered messages: a part by itself, all others together."""
    small: list[bytes] = []
    for number, message in messages:
        front, tail = message.head + _pack(number), message.tail
        if protocol == BEFORE:
            front, tail = b"", _pack(_older(unpack(front + tail)))
        if message.parts:
            yield b"".join(small)
            small = []
            yield from _cut(number, message.parts, front + tail)
        else:
            small += ((len(front) + len(tail)).to_bytes(4, "big"), front, tail)
    yield b"".join(small)


def _cut(number: int, parts: int, whole: bytes) -> Iterator[bytes]:
    """Yield ``whole`` in so many parts, which is known before the protocol is."""
    for place in range(parts):
        stop = len(whole) if place == parts - 1 else (place + 1) * PART
        yield frame(pack(["part", number + place, whole[place * PART : stop]]))
    yield frame(pack(["whole", number + parts]))


def greeting(protocol: str, worker: str, first: int, published: int) -> bytes:
    """Return the greeting's frame."""
    later = [{"published": published}] if protocol == PROTOCOL else []
    return frame(pack([protocol, worker, first, *later]))


class Greeting(NamedTuple):
    """Of a worker. ``published``: the number of its last broadcast, ``None``: it does not say."""

    protocol: str
    worker: str
    first: int
    published: int | None


def greeted(message: Any) -> Greeting:
    """Return a worker's greeting; :class:`FrameError`: it is none."""
    match message:
        case [str(protocol), str(worker), int(first), dict(more)] if protocol == PROTOCOL:
            published = more.get("published")
            return Greeting(protocol, worker, first, published if type(published) is int else None)
        case [str(protocol), str(worker), int(first)] if protocol == BEFORE:
            return Greeting(protocol, worker, first, None)
    raise FrameError(f"not a greeting of {PROTOCOL} or {BEFORE}: {message!r:.100}")


def _older(message: list[Any]) -> list[Any]:
    """Return a message as :data:`BEFORE` has it, which knows one kind of parcel alone."""
    match message:
        case ["broadcast", number, _, _, kind, topic, packed]:
            if kind != PLAIN:  # what nobody serves takes its place: a missing number would be a gap
                return ["request", number, 0, kind, None]
            return ["broadcast", number, topic, packed]
        case ["position", number, *_]:
            return ["request", number, 0, "position", None]  # the same
        case ["notify", number, kind, body]:
            return ["request", number, 0, kind, body]
    return message


def modern(worker: str, message: Any) -> list[Any]:
    """Return a message of a worker that speaks :data:`BEFORE` as it is in :data:`PROTOCOL`."""
    match message:
        case ["broadcast", number, topic, packed]:
            return ["broadcast", number, worker, 0, PLAIN, topic, packed]
        case ["request", number, 0, kind, body]:
            return ["notify", number, kind, body]
        case ["request" | "reply", *rest]:
            return [message[0], *rest]
    raise FrameError(f"not a message of {BEFORE}: {message!r:.100}")
