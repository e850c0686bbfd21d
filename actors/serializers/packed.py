"""Version 2.0.0-msgpack: the five elements of version 2.0.0 in msgpack, in binary frames.

Payloads are anything that msgpack has, bytes included. No Phoenix speaks it: as a pre-release of
2.0.0 its name is refused there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgpack

from actors.errors import InvalidMessage
from actors.messages import Opcode
from actors.serializers import strict_json
from actors.serializers.message import Body, Frame, Incoming, Ref, check_names


class _MsgPack:
    """``[join_ref, ref, topic, event, payload]`` both ways."""

    def decode(self, frame: str | bytes) -> Incoming:
        if isinstance(frame, str):
            raise InvalidMessage("msgpack comes in binary frames")
        message = _unpack(frame)
        if type(message) is not list or len(message) < 5:
            raise InvalidMessage("not an array of five elements")
        strict_json.check_depth(message)
        join_ref, ref, topic, event, payload = message[:5]
        check_names(join_ref, ref, topic, event)
        return Incoming(join_ref, ref, topic, event, payload)

    def reply(self, join_ref: Ref, ref: Ref, topic: str, status: str, response: object) -> Frame:
        payload = {"response": response, "status": status}
        return self.push(join_ref, ref, topic, "phx_reply", payload)

    def push(self, join_ref: Ref, ref: Ref, topic: str, event: str, payload: object) -> Frame:
        message = [join_ref, ref, topic, event, payload]
        return Opcode.BINARY, _pack(message)

    def broadcast(self, topic: str, event: str, body: Body) -> Frame:
        return self.push(None, None, topic, event, body.value)


def _pack(message: object) -> bytes:
    packed: bytes = msgpack.packb(message, default=_plain)
    return packed


def _plain(value: object) -> object:
    """Return a plain value for what msgpack does not know: a mapping, else what JSON says of it."""
    if isinstance(value, Mapping):
        return dict(value)
    return strict_json.decode(strict_json.encode(value))


def _unpack(frame: bytes) -> Any:
    try:
        return msgpack.unpackb(frame, ext_hook=_refuse, timestamp=1)  # a time is a float
    except InvalidMessage:
        raise
    except (ValueError, msgpack.exceptions.UnpackException):
        raise InvalidMessage("not msgpack") from None


def _refuse(code: int, _: bytes) -> None:
    raise InvalidMessage(f"msgpack of the extended type {code}")


MSGPACK = _MsgPack()
