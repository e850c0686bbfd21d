from collections import deque
from typing import Any

from actors import (
    Actor,
    ConnectInfo,
    Endpoint,
    Error,
    Ok,
    Opcode,
    Push,
    Reply,
    Socket,
    pubsub,
    whereis,
)
from actors.errors import SupervisionError
from supervision import ChildSpec, DynamicSupervisor

RECENT = object()


class Room(Actor):
    """This worker's copy of what was said last; the room's topic keeps it up to date."""

    def __init__(self, topic: str) -> None:
        super().__init__()
        self.topic = topic
        self.said: deque[str] = deque(maxlen=20)

    def on_start(self) -> None:
        pubsub.subscribe(self, self.topic)
        self.send_after(60.0, None)

    def on_receive(self, message: Any) -> list[str] | None:
        if message is RECENT:
            return list(self.said)
        if message is not None:
            self.said.append(message)
        elif pubsub.subscribers(self.topic) == 1:  # nobody of this worker but itself
            self.exit_self()
        else:
            self.send_after(60.0, None)
        return None


def room(topic: str) -> Any:
    """Return the ref of this worker's copy of a room, started where there is none."""
    spec = ChildSpec(id=topic, start=Room.start, args=(topic,), name=topic, restart="temporary")
    try:
        return whereis(topic) or whereis("rooms").start_child(spec)
    except SupervisionError as error:
        if error.reason != "already_started":
            raise
        return error.detail  # another socket has started it meanwhile


class Chat(Socket[str]):
    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        name = info.params.get("room")
        if not isinstance(name, str) or not 0 < len(name) <= 40:
            return Error("room: 1 to 40 characters")
        try:
            room(f"room:{name}")
        except SupervisionError:
            return Error("too many rooms")
        return Ok(f"room:{name}")

    def init(self, state: str) -> Ok:
        pubsub.subscribe(self, state)
        return Ok(state)

    def handle_in(self, payload: str | bytes, opcode: Opcode) -> Reply | None:
        if payload == "/recent":
            return Reply("\n".join(room(self.state).ask(RECENT)))
        pubsub.broadcast(self.state, str(payload))
        return None

    def handle_info(self, message: str) -> Push:
        return Push(message)


rooms = ChildSpec(
    id="rooms",
    start=lambda: DynamicSupervisor.start(max_children=1000),
    type="supervisor",
    shutdown=5.0,
    name="rooms",
)
endpoint = Endpoint(children=[rooms])
endpoint.socket("/chat", Chat)
