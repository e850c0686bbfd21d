"""The binary frames of version 2.0.0 (``Phoenix.Socket.V2.JSONSerializer``).

One byte for the kind and one for the length of each name, then the names, then the data:

==========  ==================================================
from        kind and names
==========  ==================================================
a client    ``00`` join_ref, ref, topic, event
the server  ``00`` join_ref, topic, event: a push, without ref
the server  ``01`` join_ref, ref, topic, status: a reply
the server  ``02`` topic, event: a broadcast
==========  ==================================================
"""

from __future__ import annotations

from actors.errors import InvalidMessage
from actors.serializers.message import MAX_NAME, Incoming, Ref, check_ref

_PUSH, _REPLY, _BROADCAST = 0, 1, 2
_HEAD = 5  # bytes: the kind and four lengths


def decode(frame: bytes) -> Incoming:
    """Return the message of a client; its payload is ``bytes``, and an empty ref is none."""
    if len(frame) < _HEAD or frame[0] != _PUSH:
        raise InvalidMessage("not a binary push")
    names, at = [], _HEAD
    for length in frame[1:_HEAD]:
        names.append(_name(frame[at : at + length]))
        at += length
    if at > len(frame):
        raise InvalidMessage("a binary push whose names are longer than its frame")
    join_ref, ref, topic, event = names
    check_ref(join_ref)  # what is Latin-1 grows on its way back
    check_ref(ref)
    return Incoming(join_ref or None, ref or None, topic, event, frame[at:])


def _name(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")  # phoenix.js before 1.8.7 takes a character for a byte


def push(join_ref: Ref, topic: str, event: str, data: bytes) -> bytes:
    """Encode a message to one client."""
    return _frame(_PUSH, (("join_ref", join_ref), ("topic", topic), ("event", event)), data)


def reply(join_ref: Ref, ref: Ref, topic: str, status: str, data: bytes) -> bytes:
    """Encode a reply."""
    names = (("join_ref", join_ref), ("ref", ref), ("topic", topic), ("status", status))
    return _frame(_REPLY, names, data)


def broadcast(topic: str, event: str, data: bytes) -> bytes:
    """Encode what every subscriber gets."""
    return _frame(_BROADCAST, (("topic", topic), ("event", event)), data)


def _frame(kind: int, names: tuple[tuple[str, Ref], ...], data: bytes) -> bytes:
    head, parts = [kind], []
    for what, name in names:
        encoded = b"" if name is None else str(name).encode()
        if len(encoded) > MAX_NAME:
            raise ValueError(f"{what} of {len(encoded)} bytes: a binary frame takes {MAX_NAME}")
        head.append(len(encoded))
        parts.append(encoded)
    return bytes(head) + b"".join(parts) + data
