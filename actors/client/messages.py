"""Channel messages of version 2.0.0 from a client's side (``Phoenix.Socket.V2.JSONSerializer``).

The mirror image of :mod:`actors.serializers.v2` and :mod:`actors.serializers.binary`, which has the
layouts: a client encodes pushes, and decodes pushes, replies and broadcasts.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from orjson import JSONDecodeError, loads

from actors.errors import InvalidMessage
from actors.serializers.message import BINARY, MAX_NAME, TEXT, Frame
from actors.serializers.strict_json import encode, encode_object

REPLY: Final = "phx_reply"

_KINDS: Final = {0: 3, 1: 4, 2: 2}
"""The names that a server's binary frame of each kind has."""


class Message(NamedTuple):
    """What came for a topic. ``payload`` is JSON, or ``bytes`` of a binary frame.

    A push has a ``join_ref``, a broadcast has none. Of a reply the payload is an object with
    ``status`` and ``response``. ``ref`` is what the server says: ``None`` but for replies and for
    the end of a channel, where it is Phoenix.
    """

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Any


class Body(NamedTuple):
    """A payload as it is sent: the text of a JSON object, or bytes."""

    data: bytes
    binary: bool


def body_of(payload: object) -> Body:
    """Encode what a push carries: an object of JSON (``None`` is ``{}``), or what is bytes.

    ``TypeError`` for anything else, and for what JSON cannot say.
    """
    if isinstance(payload, bytes | bytearray | memoryview):
        return Body(bytes(payload), binary=True)
    return Body(b"{}" if payload is None else encode_object(payload), binary=False)


def check_name(what: str, name: object) -> None:
    """``TypeError`` for a name that is no text, ``ValueError`` for one that no frame carries."""
    if not isinstance(name, str):
        raise TypeError(f"{what} {name!r:.80}: must be a str")
    try:
        bad = not 0 < len(name.encode()) <= MAX_NAME
    except UnicodeEncodeError:
        bad = True
    if bad:
        raise ValueError(f"{what} {name!r:.80}: must be UTF-8 of 1 to {MAX_NAME} bytes")


def push(join_ref: str | None, ref: str, topic: str, event: str, body: Body) -> Frame:
    """Encode a push; its names have been checked."""
    if not body.binary:
        head = encode([join_ref, ref, topic, event])
        return TEXT, head[:-1] + b"," + body.data + b"]"
    names = [(name or "").encode() for name in (join_ref, ref, topic, event)]
    return BINARY, b"".join((bytes((0, *map(len, names))), *names, body.data))


def decode(frame: Frame) -> Message:
    """Return a server's message; :class:`~actors.errors.InvalidMessage` for what is none."""
    opcode, data = frame
    message = _binary(data) if opcode is BINARY else _text(data)
    if message.event == REPLY and not _is_reply(message.payload):
        raise InvalidMessage("a reply without a status")
    return message


def _is_reply(payload: object) -> bool:
    return type(payload) is dict and type(payload.get("status")) is str


def _text(data: bytes) -> Message:
    try:
        parts = loads(data)
    except JSONDecodeError:
        raise InvalidMessage("not JSON in UTF-8") from None
    if type(parts) is not list or len(parts) != 5:
        raise InvalidMessage("not an array of five elements")
    join_ref, ref, topic, event, payload = parts
    if type(topic) is not str or type(event) is not str:
        raise InvalidMessage("topic and event must be strings")
    for each in (join_ref, ref):
        if each is not None and type(each) is not str:
            raise InvalidMessage("a ref must be a string or null")
    return Message(join_ref, ref, topic, event, payload)


def _binary(data: bytes) -> Message:
    count = _KINDS.get(data[0]) if data else None
    if count is None or len(data) <= count:
        raise InvalidMessage("not a binary push, reply or broadcast")
    at, names = 1 + count, []
    try:
        for length in data[1 : 1 + count]:
            names.append(data[at : at + length].decode())
            at += length
    except UnicodeDecodeError:
        raise InvalidMessage("a binary message with a name that is not UTF-8") from None
    if at > len(data):
        raise InvalidMessage("a binary message whose names are longer than it")
    rest = data[at:]
    if data[0] == 0:
        join_ref, topic, event = names
        return Message(join_ref or None, None, topic, event, rest)
    if data[0] == 1:
        join_ref, ref, topic, status = names
        return Message(
            join_ref or None, ref or None, topic, REPLY, {"status": status, "response": rest}
        )
    topic, event = names
    return Message(None, None, topic, event, rest)
