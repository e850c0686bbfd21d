"""What applications write: no type checker has anything to say about it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, assert_type

from actors import (
    Actor,
    ConnectInfo,
    Drainer,
    Endpoint,
    Error,
    HTTPOptions,
    Ok,
    Opcode,
    Push,
    Reply,
    Result,
    SessionOptions,
    Socket,
    Stop,
    pubsub,
    registry,
    telemetry,
)
from transports import (
    HTTPConnection,
    Mount,
    Request,
    Response,
    TransportMount,
    TransportOptions,
    option,
)


@dataclass
class Room:
    name: str
    members: int = 0


class Chat(Socket[Room]):
    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok | Error:
        return Ok(Room("lobby")) if info.params else Error("who?")

    def init(self, state: Room) -> Ok:
        pubsub.subscribe(self.actor_ref, f"room:{state.name}")
        return Ok(state)

    def handle_in(self, payload: str | bytes, opcode: Opcode) -> Result:
        assert_type(self.state, Room)
        self.state.members += 1
        if not payload:
            return Stop("empty")
        return [Reply(payload, opcode=opcode), Push("more")]

    # Names that are an application's own.

    def run(self, speed: int) -> str:
        return "ran" * speed

    def begin(self) -> None: ...

    def receive(self, what: str) -> None: ...

    def leave(self) -> bool:
        return True


class Plain(Socket):
    def handle_info(self, message: Any) -> Result:
        self.state["any"] = message
        return Push(str(message))


class Derived(Chat):
    def handle_info(self, message: Any) -> Result:
        assert_type(self.state.name, str)
        return None


class Ticker(Actor):
    def on_start(self) -> None:
        self.send_after(1.0, "tick")

    def on_receive(self, message: Any) -> Any:
        pubsub.local_broadcast("ticks", message)


def origin(uri: Any) -> bool:
    return bool(uri)


def refused(request: Request, reason: Any) -> Response:
    return Response(401)


def drain_quickly() -> bool:
    return False


def seen(event: str, measurements: Mapping[str, float], metadata: Mapping[str, Any]) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SSEOptions(TransportOptions):
    path: str = option("/events", "appended to the path of the mount")
    retry: float = option(1.0, "told to clients")


class SSE:
    def __init__(self, mount: TransportMount[SSEOptions]) -> None:
        self.mount = mount

    def handle(self, request: Request, http: HTTPConnection) -> Response | None:
        assert_type(self.mount.options.retry, float)
        return Response(404)


class Older(SSE):
    def __init__(self, mount: Mount) -> None:
        self.path = mount.options.path


endpoint = Endpoint(
    check_origin=["https://example.com", "//*.example.com"],
    grace=10,
    http=HTTPOptions(max_head=16_384),
    children=[Ticker],
    max_connections=None,
    drain_order="phoenix",
)
endpoint.transport("sse", SSE, SSEOptions)
endpoint.transport("older", Older, SSEOptions)
endpoint.socket("/plain", Plain)
endpoint.socket("/derived", Derived, websocket=False, longpoll=True, drainer=False)
endpoint.socket(
    "/chat/:room",
    Chat,
    check_origin=origin,
    connect_info=["peer_data", ("session", SessionOptions(signing_salt="salt"))],
    transport_log="info",
    websocket={"timeout": 30, "compress": True, "error_handler": refused, "check_origin": "conn"},
    longpoll={"window": 5.0, "lost_session_status": 410},
    transports={"sse": {"path": "/sse"}},
    drainer={"batch_size": 100},
)
endpoint.socket("/later", Chat, drainer=drain_quickly, options={"mine": 1})

assert_type(Drainer.__name__, str)
for ref in registry.get_by_class(Chat):
    ref.tell("hello")
telemetry.attach("socket.connected", seen)
logging.getLogger("roost")
