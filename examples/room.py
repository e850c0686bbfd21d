from __future__ import annotations

from typing import Any, ClassVar

from actors import Channel, ChannelSocket, ConnectInfo, Endpoint, Error, Ok, on


class RoomChannel(Channel):
    """A room in which who says nothing for a minute is asked whether anybody is there."""

    PATIENCE: ClassVar[float] = 60.0

    def join(self, topic: str, payload: dict[str, Any]) -> Ok | Error:
        if self.subtopic == "staff" and self.assigns["user"] != "ada":
            return Error("staff only")
        return Ok({"room": self.subtopic})

    def joined(self) -> None:
        self.broadcast_from("came", {"user": self.assigns["user"]})
        self.nudge = self.send_after(self.PATIENCE, "quiet")

    @on("say")
    def say(self, payload: dict[str, Any]) -> Ok | Error:
        if not payload.get("body"):
            return Error("empty")
        self.nudge.cancel()
        self.nudge = self.send_after(self.PATIENCE, "quiet")
        self.broadcast("said", {"user": self.assigns["user"], "body": payload["body"]})
        return Ok()

    @on("divide")
    def divide(self, payload: dict[str, Any]) -> Ok:
        return Ok({"result": payload["a"] / payload["b"]})

    def handle_info(self, message: object) -> None:
        self.push("are_you_there")


class UserSocket(ChannelSocket):
    channels = {"room:*": RoomChannel}

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        user = info.params.get("user")
        return Ok({"user": user}) if user else Error("user required")


endpoint = Endpoint()
endpoint.socket("/socket", UserSocket, longpoll=True)
