from dataclasses import dataclass

from actors import Channel, ChannelSocket, ConnectInfo, Endpoint, Error, Ok, intercept, on


@dataclass(frozen=True)
class User:
    name: str
    muted: frozenset[str] = frozenset()


@dataclass
class NewMsg:
    body: str


@dataclass
class Message:
    sender: str
    body: str


class RoomChannel(Channel[User]):
    def joined(self) -> None:
        self.push("welcome", {"name": self.assigns.name})

    @on("new_msg")
    def new_msg(self, msg: NewMsg) -> Ok | Error:  # what is no NewMsg never gets here
        if not msg.body.strip():
            return Error("empty")
        self.broadcast("new_msg", Message(self.assigns.name, msg.body))
        return Ok({"delivered": True})

    @intercept("new_msg")
    def show(self, msg: Message) -> Message | None:
        return None if msg.sender in self.assigns.muted else msg


class UserSocket(ChannelSocket):
    channels = {"room:*": RoomChannel}

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        name, muted = info.params.get("user"), info.params.get("muted", "")
        return Ok(User(name, frozenset(muted.split(",")))) if name else Error("user required")

    @classmethod
    def id(cls, assigns: User) -> str:
        return f"users:{assigns.name}"  # endpoint.disconnect("users:ada") ends them all: 1001


endpoint = Endpoint()
endpoint.socket("/socket", UserSocket, longpoll=True)
