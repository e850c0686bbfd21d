"""What the command serves without an application: a chat and an echo, each with its page."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from actors import ConnectInfo, Endpoint, Ok, Opcode, Reply, Socket
from actors.endpoint.demo.chat import LOCAL, ChatSocket, LocalChatSocket, RoomPresence

if TYPE_CHECKING:
    from transports.http.handling import Handler
    from transports.http.request import Request
    from transports.http.responder import Responder
    from transports.http.response import Response


class EchoSocket(Socket):
    """Sends each message back."""

    @classmethod
    def connect(cls, info: ConnectInfo) -> Ok:  # noqa: ARG003
        return Ok(None)

    def handle_in(self, payload: Any, opcode: Opcode) -> Reply:
        return Reply(payload, opcode=opcode)


PAGES = {
    "/": ("chat.html", "text/html; charset=utf-8"),
    "/echo": ("echo.html", "text/html; charset=utf-8"),
    "/chat.js": ("chat.js", "text/javascript; charset=utf-8"),
    "/demo.css": ("demo.css", "text/css; charset=utf-8"),
    "/echo.js": ("echo.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/longpoll.js": ("longpoll.js", "text/javascript; charset=utf-8"),
    "/websocket.js": ("websocket.js", "text/javascript; charset=utf-8"),
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cache-control", "no-cache"),
)


def page(name: str, content_type: str) -> Handler:
    """Return a handler that serves one of the demo's own files."""

    def handle(request: Request, http: Responder) -> Response:  # noqa: ARG001
        from transports.http.response import Response  # noqa: PLC0415 - the command patched by now

        if request.method not in ("GET", "HEAD"):
            return Response(405, b"", (("allow", "GET, HEAD"),))
        body = files(__package__).joinpath(name).read_bytes()
        return Response(200, body, (("content-type", content_type), *HEADERS))

    return handle


endpoint = Endpoint(children=[RoomPresence])
endpoint.socket("/echo", EchoSocket, longpoll=True)
endpoint.socket("/chat", ChatSocket, longpoll=True)
# What a name that leads to this machine by a trick (DNS rebinding) must not reach: it ends workers.
endpoint.socket("/local", LocalChatSocket, longpoll=True, allowed_hosts=LOCAL)
for path, (name, content_type) in PAGES.items():
    endpoint.page(path, page(name, content_type))
