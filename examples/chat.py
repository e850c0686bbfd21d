from typing import Any

from actors import Channel, ChannelSocket, ConnectInfo, Endpoint, Error, Ok, on


class RoomChannel(Channel):
    def join(self, topic: str, payload: dict[str, Any]) -> Ok | Error:
        return Ok({"room": self.subtopic})

    @on("new_msg")
    def new_msg(self, payload: dict[str, Any]) -> Ok | Error:
        body = payload.get("body")
        if not isinstance(body, str) or not body:
            return Error("empty")
        self.broadcast("new_msg", {"from": self.assigns["user"], "body": body})
        return Ok()


class UserSocket(ChannelSocket):
    channels = {"room:*": RoomChannel}

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        user = info.params.get("user")
        return Ok({"user": user}) if user else Error("user required")


endpoint = Endpoint()
endpoint.socket("/socket", UserSocket, longpoll=True)
