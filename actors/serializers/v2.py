"""Version 2.0.0: a JSON array each (``Phoenix.Socket.V2.JSONSerializer``).

Where the payload is bytes the frame is binary: see :mod:`actors.serializers.binary`.
"""

from __future__ import annotations

from orjson import dumps

from actors.errors import InvalidMessage
from actors.serializers import binary
from actors.serializers.message import (
    BINARY,
    SHORT_NAME,
    TEXT,
    Body,
    Frame,
    Incoming,
    Ref,
    Serializer,
    check_names,
)
from actors.serializers.strict_json import decode, encode, plain
from actors.speedups import compiled

_new = tuple.__new__  # an Incoming in one step, from a list that has five elements


class _V2:
    """``[join_ref, ref, topic, event, payload]``; what a client sends behind is passed over."""

    def decode(self, frame: str | bytes) -> Incoming:
        if type(frame) is bytes:
            return binary.decode(frame)
        message = decode(frame)
        if type(message) is not list or len(message) < 5:
            raise InvalidMessage("not an array of five elements")
        if len(message) > 5:
            del message[5:]
        join_ref, ref, topic, event, _ = message
        # Spelt out for what nearly every message is: phoenix.js names all by short strings.
        if not (
            type(topic) is type(event) is type(ref) is type(join_ref) is str
            and len(ref) <= SHORT_NAME
            and len(join_ref) <= SHORT_NAME
        ):
            check_names(join_ref, ref, topic, event)
        return _new(Incoming, message)

    def reply(self, join_ref: Ref, ref: Ref, topic: str, status: str, response: object) -> Frame:
        if type(response) is bytes:
            return BINARY, binary.reply(join_ref, ref, topic, status, response)
        payload = {"response": response, "status": status}
        return TEXT, dumps([join_ref, ref, topic, "phx_reply", payload], plain)

    def push(self, join_ref: Ref, ref: Ref, topic: str, event: str, payload: object) -> Frame:
        if type(payload) is bytes:
            return BINARY, binary.push(join_ref, topic, event, payload)
        return TEXT, dumps([join_ref, ref, topic, event, payload], plain)

    def broadcast(self, topic: str, event: str, body: Body) -> Frame:
        if body.json is None:
            return BINARY, binary.broadcast(topic, event, body.binary or b"")
        parts = (b"[null,null,", encode(topic), b",", encode(event), b",", body.json, b"]")
        return TEXT, b"".join(parts)


V2: Serializer = _V2() if compiled is None else compiled.V2(_V2())
