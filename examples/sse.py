"""A transport of our own: server-sent events to the client, POST requests from it.

python -m actors.endpoint examples.sse:endpoint --workers 0
curl -N http://127.0.0.1:4000/chat/events            # prints the session's id first
curl -d 'hello' 'http://127.0.0.1:4000/chat/events?id=ID'

One process, as only that which has a stream knows it: of several workers any may get the POST.
"""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from actors import (
    CLOSED,
    ConnectionEnded,
    Endpoint,
    Error,
    Opcode,
    Push,
    Reason,
    Reply,
    Shutdown,
    Socket,
    StartError,
)
from transports import (
    Refusal,
    Request,
    Responder,
    Response,
    Stream,
    StreamProtocol,
    TransportMount,
    TransportOptions,
    deliver_rest,
    option,
)

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
    b"cache-control: no-store\r\nconnection: close\r\n\r\n"
)


def event(text: str) -> bytes:
    return "".join([*(f"data: {line}\n" for line in text.split("\n")), "\n"]).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class SSEOptions(TransportOptions):
    path: str = option("/events", "appended to the path of the mount")
    max_send_queue: int = option(65_536, "bytes that wait for a slow client", limit="bytes")


class EventStream(StreamProtocol):
    """Operates one socket: its results become events. It is what the stream feeds, too."""

    def __init__(self, stream: Stream, options: SSEOptions, forget: Callable[[], object]) -> None:
        self.stream = stream
        self.options = options
        self.forget = forget
        self.out: list[bytes] = []
        self.actor: Socket
        self.holds = 0

    # What a socket needs of its transport.

    def deliver(self, result: Any) -> None:
        if type(result) not in (Reply, Push):
            deliver_rest(result, self.deliver)  # a list, a Stop, or a mistake
        elif isinstance(result.payload, str) and result.opcode in (None, Opcode.TEXT):
            self.out.append(event(result.payload))
        elif result.opcode not in (Opcode.PING, Opcode.PONG):  # which events have nothing for
            raise TypeError(f"a payload {result.payload!r:.200}; accepted: text")

    def flush(self) -> None:
        self.post(b"".join(self.out))
        self.out.clear()

    on_blocked = flush

    # What channels need beside.

    lane_key = "sse"  # equal for all streams, as one event is for all of them

    def prepare(self, frame: tuple[Opcode, bytes]) -> bytes:
        opcode, data = frame
        return event((data if opcode is Opcode.TEXT else b64encode(data)).decode())

    def send(self, frame: tuple[Opcode, bytes]) -> None:
        self.post(self.prepare(frame))

    def post(self, prepared: bytes) -> None:
        self.stream.write(prepared)
        if self.stream.queued > self.options.max_send_queue:
            self.actor.actor_ref.exit(Shutdown("slow_consumer"))

    def hold(self) -> None:
        self.holds += 1  # a channel is behind: see publish

    def release(self) -> None:
        self.holds -= 1

    def on_ended(self, reason: Reason) -> None:
        self.forget()
        self.flush()
        self.stream.write(b"event: end\ndata:\n\n")
        self.stream.close()

    # What a stream feeds. An EventSource sends nothing after its request.

    def data_received(self, data: bytes) -> None:
        pass

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.actor.on_events([ConnectionEnded(CLOSED)])

    def drain(self) -> None:
        self.actor.actor_ref.exit(Shutdown("restart"))


class SSETransport:
    def __init__(self, mount: TransportMount[SSEOptions]) -> None:
        self.mount = mount
        self.open: dict[str, EventStream] = {}

    def handle(self, request: Request, http: Responder) -> Response | None:
        opened = self.mount.open(request, "sse")
        if isinstance(opened, Refusal):
            return Response(opened.status)
        if request.method == "POST":
            return self.publish(request, str(opened.params.get("id")))
        if request.method != "GET":
            return Response(405, headers=(("allow", "GET, POST"),))
        answer = self.mount.connect(opened)
        if isinstance(answer, Error):
            return self.mount.refused(opened, answer)
        self.begin(http, answer.value)
        return None

    def begin(self, http: Responder, state: object) -> None:
        key = secrets.token_urlsafe(16)
        events = EventStream(http.stream, self.mount.options, lambda: self.open.pop(key, None))
        events.actor = self.mount.start(events, state)
        self.open[key] = events
        events.stream.write(HEAD + f"event: id\ndata: {key}\n\n".encode())
        http.hand_over(events)
        try:
            events.actor.on_begin()
        except StartError:
            pass  # logged already, and the client saw the end

    def publish(self, request: Request, key: str) -> Response:
        events = self.open.get(key)
        if events is None:
            return Response(404)
        if events.holds:
            return Response(503, headers=(("retry-after", "1"),))
        events.actor.on_events([request.body.decode("utf-8", "replace")])
        return Response(204)


class ChatSocket(Socket):
    def handle_in(self, payload: str | bytes, opcode: Opcode) -> Reply:
        return Reply(f"you said {payload!s}")


endpoint = Endpoint()
endpoint.transport("sse", SSETransport, SSEOptions)
endpoint.socket("/chat", ChatSocket, transports={"sse": True})
