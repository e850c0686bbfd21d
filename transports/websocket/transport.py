"""The WebSocket transport of one mount: from the upgrade request to the running socket.

The order is Phoenix's (``Phoenix.Transports.WebSocket``): method, code reload, log, origin,
subprotocol, connect_info, ``connect``, and only then the upgrade itself.
"""

from __future__ import annotations

from actors.errors import HandshakeError
from actors.results import Error, Ok
from actors.runtime.actor import StartError
from actors.socket import Socket
from transports.http import told
from transports.http.handling import UNAVAILABLE
from transports.http.request import Request
from transports.http.responder import Responder
from transports.http.response import Response
from transports.opening.clients import Clients
from transports.opening.mount import TransportMount
from transports.opening.opened import Opened, Refusal
from transports.websocket import handshake
from transports.websocket.connection import WebSocketConnection
from transports.websocket.options import WebSocketOptions

NAME = "websocket"


class WebSocketTransport:
    """Answers the requests of one mount."""

    def __init__(self, mount: TransportMount[WebSocketOptions]) -> None:
        self._mount = mount
        self._options = mount.options
        self.clients = Clients(mount.path, NAME)

    def judge_unread(self, request: Request, http: Responder) -> Response | None:  # noqa: ARG002 - UnreadJudge
        """Refuse a body of any size, so that none is read for nothing."""
        try:
            handshake.refuse_body(request)
        except HandshakeError as error:
            self._mount.refuse_handshake(request, error.status, error.message)
            raise
        return None

    def handle(self, request: Request, http: Responder) -> Response | None:
        """Refuse with a response, or take the connection over and answer ``None``."""
        if request.method != "GET":
            self._mount.refuse_handshake(request, 400, "the method must be GET")
            return Response(400)
        if request.body:
            self.judge_unread(request, http)  # it came along with the head
        opened = self._mount.open(request, NAME)
        if isinstance(opened, Refusal):
            return opened
        extra: list[tuple[str, str]] = []
        if opened.subprotocol is not None:
            extra.append(("sec-websocket-protocol", opened.subprotocol))
        answer = self._mount.connect(opened)
        if isinstance(answer, Error):
            response = self._mount.refused(opened, answer)
            return Response(response.status, response.body, (*response.headers, *extra))
        try:
            key = handshake.validate(request)
        except HandshakeError as error:
            self._mount.refuse_handshake(request, error.status, error.message)
            return Response(error.status, error.message.encode(), (*error.headers, *extra))
        if not http.admit_client(request.peer):
            return UNAVAILABLE
        self._upgrade(opened, http, key, answer)
        return None

    def _upgrade(self, opened: Opened, http: Responder, key: str, answer: Ok) -> None:
        request, subprotocol = opened.request, opened.subprotocol
        extension, extensions = None, None
        if self._options.compress:
            from transports.websocket import deflate  # noqa: PLC0415

            agreed = deflate.negotiate(
                request.headers_named("sec-websocket-extensions"), self._options
            )
            if agreed is not None:
                extension, extensions = agreed
        stream = http.stream
        connection = WebSocketConnection(stream, self._options, self.clients, extension)
        connection.provenance = self._mount.provenance(request, NAME)
        actor = self._mount.start(connection, answer.value)
        wants_control = type(actor).handle_control is not Socket.handle_control
        runs_alone = type(actor).on_batch is Socket.on_batch
        connection.attach(actor, wants_control=wants_control, runs_alone=runs_alone)
        # The answer leaves before init runs, whose pushes must follow it.
        head = handshake.response(handshake.accept_value(key), subprotocol, extensions)
        stream.write(head)
        rest = http.hand_over(connection)
        if rest:
            connection.data_received(rest)
        told.answered(request, 101, len(head), connection.dispatcher.clock())
        self.clients.opened(actor, request.peer[0])
        try:
            actor.on_begin()
        except StartError:
            return  # the crash is logged, and the client was sent 1011
        if http.draining:
            connection.drain()
