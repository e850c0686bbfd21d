"""Mistakes, each with what mypy has to say about its line."""

from __future__ import annotations

from typing import Any

import actors.endpoint
import supervision
import transports
from actors import Endpoint, HTTPOptions, Opcode, Reply, Result, Socket
from transports import Request, Responder, Response, TransportMount, TransportOptions


class Room:
    name: str


class Chat(Socket[Room]):
    def handle_in(self, payload: Any, opcode: Opcode) -> Result:
        self.state.nmae = payload  # error: "Room" has no attribute "nmae"
        return "text"  # error: Incompatible return value type

    async def handle_info(self, message: Any) -> Result:  # error: incompatible with return type
        return None

    def terminate(self) -> None: ...  # error: incompatible with supertype


class Typed(Socket[int]):
    def handle_in(self, payload: Any, opcode: Opcode) -> Result:
        text: str = self.state  # error: Incompatible types in assignment
        return Reply(text)


class Options(TransportOptions):
    retry: float = 1.0


class Transport:
    def __init__(self, mount: TransportMount[Options]) -> None:
        self.retry = mount.options.rtery  # error: "Options" has no attribute "rtery"

    def handle(self, request: Request, http: Responder) -> Response | None:
        return None


class Handless:
    def __init__(self, mount: TransportMount) -> None: ...


endpoint = Endpoint(gracee=10)  # error: Unexpected keyword argument "gracee"
Endpoint(grace="10")  # error: has incompatible type "str"
Endpoint(drain_order="first")  # error: has incompatible type "Literal['first']"
Endpoint(http=HTTPOptions(max_haed=1))  # error: Unexpected keyword argument "max_haed"
endpoint.socket("/a", Room)  # error: has incompatible type "type[Room]"
endpoint.socket("/b", Chat, websocket={"timeot": 30})  # error: Argument "websocket"
endpoint.socket("/c", Chat, websocket={"timeout": "30"})  # error: Argument "websocket"
endpoint.socket("/d", Chat, longpoll={"timeout": 30})  # error: Argument "longpoll"
endpoint.socket("/e", Chat, websocket=1)  # error: Argument "websocket"
endpoint.socket("/f", Chat, drainer={"batch_sise": 1})  # error: Argument "drainer"
endpoint.socket("/g", Chat, check_orign=False)  # error: Unexpected keyword argument "check_orign"
endpoint.socket("/h", Chat, transport_log="inf")  # error: Argument "transport_log"
endpoint.socket("/i", Chat, sse=True)  # error: Unexpected keyword argument "sse"
endpoint.socket("/j", Chat, path="/x")  # error: multiple values for keyword argument "path"
endpoint.socket("/k", Chat, websocket={"compress": 1})  # error: Argument "websocket"
endpoint.socket("/l", Chat, websocket={"window": 1.0})  # error: Argument "websocket"
endpoint.socket("/m", Chat, longpoll={"lost_session_status": 404})  # error: Argument "longpoll"
endpoint.socket("/n", Chat, serializer="json")  # error: Argument "serializer"
endpoint.socket("/o", Chat, connect_info=[1])  # error: List item 0 has incompatible type "int"
endpoint.socket("/p", Chat, drainer=lambda: 1)  # error: Argument "drainer"
endpoint.transport("q", Transport, TransportOptions)  # error: Argument 2 to "transport"
endpoint.transport("r", Handless, TransportOptions)  # error: Argument 2 to "transport"
misspelt = [
    actors.Replay,  # error: has no attribute "Replay"
    actors.endpoint.Endpiont,  # error: has no attribute "Endpiont"
    supervision.ChildSpecs,  # error: has no attribute "ChildSpecs"
    transports.Strean,  # error: has no attribute "Strean"
]
