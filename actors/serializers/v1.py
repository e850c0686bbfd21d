"""Version 1.0.0: a JSON object each (``Phoenix.Socket.V1.JSONSerializer``)."""

from __future__ import annotations

from actors.errors import InvalidMessage
from actors.messages import Opcode
from actors.serializers import strict_json
from actors.serializers.message import Body, Frame, Incoming, Ref, check_names


class _V1:
    """``{"topic", "event", "payload", "ref"}`` both ways; a client's ``join_ref`` is read."""

    def decode(self, frame: str | bytes) -> Incoming:
        if isinstance(frame, bytes):
            raise InvalidMessage("version 1.0.0 has no binary messages")
        message = strict_json.decode(frame)
        if type(message) is not dict:
            raise InvalidMessage("not an object")
        try:
            ref, topic, event = message["ref"], message["topic"], message["event"]
            payload = message["payload"]
        except KeyError as error:
            raise InvalidMessage(f"an object without {error.args[0]!r}") from None
        join_ref = message.get("join_ref")
        check_names(join_ref, ref, topic, event)
        return Incoming(join_ref, ref, topic, event, payload)

    def reply(self, _: Ref, ref: Ref, topic: str, status: str, response: object) -> Frame:
        payload = {"response": response, "status": status}
        return self.push(None, ref, topic, "phx_reply", payload)

    def push(self, _: Ref, ref: Ref, topic: str, event: str, payload: object) -> Frame:
        message = {"event": event, "payload": payload, "ref": ref, "topic": topic}
        return Opcode.TEXT, strict_json.encode(message)

    def broadcast(self, topic: str, event: str, body: Body) -> Frame | None:
        if body.json is None:
            return None
        name, encode = event, strict_json.encode
        parts = (b'{"event":', encode(name), b',"payload":', body.json)
        return Opcode.TEXT, b"".join((*parts, b',"ref":null,"topic":', encode(topic), b"}"))


V1 = _V1()
