from typing import Any

from actors import Channel, ChannelSocket, ConnectInfo, Endpoint, Error, Ok, Presence, on


class RoomPresence(Presence):
    """Who is in which room, in all workers."""


class RoomChannel(Channel):
    def joined(self) -> None:
        self.key = f"user:{self.assigns['user']}"
        RoomPresence.track(self, self.key, {"name": self.assigns["user"], "typing": False})
        RoomPresence.push_state(self)

    @on("typing")
    def typing(self, payload: dict[str, Any]) -> None:
        now = {"typing": payload.get("typing") is True}
        RoomPresence.update(self, self.key, lambda meta: {**meta, **now})

    @on("how_many")
    def how_many(self, payload: dict[str, Any]) -> Ok:
        return Ok({"people": RoomPresence.count(self)})


class UserSocket(ChannelSocket):
    channels = {"room:*": RoomChannel}

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        user = info.params.get("user")
        if not isinstance(user, str) or not 0 < len(user) <= 30:
            return Error("a user has 1 to 30 characters")
        return Ok({"user": user})


endpoint = Endpoint(children=[RoomPresence])
endpoint.socket("/socket", UserSocket, longpoll=True)
