"""``sockets``: raw sockets in a test, without a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors.errors import InvalidMessage
from actors.messages import ConnectInfo, Control, Opcode
from actors.serializers import strict_json
from actors.socket import Socket
from actors.testing.connection import Connection, accepted, begin
from actors.testing.matching import difference, shown
from actors.testing.stage import DEADLINE, PATIENCE, Stage
from actors.testing.wire import Message, Wire
from transports.websocket.options import WebSocketOptions


class SocketClient(Connection):
    """The client of a raw socket. Messages are taken in the order in which they came."""

    def send(self, payload: str | bytes) -> None:
        """Send text or binary."""
        if not isinstance(payload, str | bytes):
            raise TypeError(f"send({payload!r:.80}): must be str or bytes")
        self._wire.receive(payload)

    def ping(self, payload: bytes | None = None, opcode: Opcode = Opcode.PING) -> None:
        """Send a ping, or a pong; the answer to a ping is the transport's and is not seen."""
        self._wire.receive(Control(payload, opcode))

    def expect(self, payload: Any = ..., *, opcode: Any = ..., within: float | None = None) -> Any:
        """Assert that the next message is this one; return its payload, ``str`` or ``bytes``.

        ``payload``: text, bytes, a type or ``...`` for any. A mapping or a list is compared with
        the JSON in the message, as payloads of channels are, and the JSON is returned.
        """
        __tracebackhide__ = True
        sent = self._wire.sent
        message = self._stage.wait_for(lambda: sent[0] if sent else None, within, DEADLINE)
        if message is None:
            raise self._failure(f"no message came, expected {shown(payload)}")
        value = _value(message, payload)
        wrong = difference(payload, value) or difference(opcode, message.opcode, "opcode")
        if wrong is not None:
            raise self._failure(f"the next message is not {shown(payload)}; {wrong}")
        del sent[0]
        return value

    def expect_nothing(self, within: float | None = None) -> None:
        """Assert that there is no message that the test has not taken."""
        __tracebackhide__ = True
        sent = self._wire.sent
        if self._stage.wait_for(lambda: sent[0] if sent else None, within, PATIENCE) is not None:
            raise self._failure("a message came")

    @property
    def state(self) -> Any:
        """The state of the socket."""
        return self.actor.state


def _value(message: Message, expected: Any) -> Any:
    if isinstance(expected, Mapping | list):
        try:
            return strict_json.decode(message.payload)
        except InvalidMessage:
            pass
    return message.payload


class Sockets:
    """The fixture ``sockets``. ``endpoint``: what ``connect`` sees as ``info.endpoint``."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.endpoint: Any = None

    def connect(
        self,
        socket_class: type[Socket[Any]],
        params: Mapping[str, Any] | None = None,
        *,
        connect_info: Mapping[str, Any] | None = None,
        transport: str = "websocket",
    ) -> SocketClient:
        """Ask the class's ``connect``, and return the client of the socket that it accepted.

        :class:`Refused`: it answered ``Error``. What ``connect`` and ``init`` raise is raised here.
        """
        __tracebackhide__ = True
        info = ConnectInfo(
            self.endpoint, transport, dict(params or {}), WebSocketOptions(), connect_info or {}
        )
        wire = Wire()
        actor = begin(self._stage, socket_class, wire, accepted(self._stage, socket_class, info))
        return SocketClient(self._stage, actor, wire)

    def settle(self) -> None:
        """Let the actors run until nothing is ready."""
        self._stage.settle()

    @property
    def crashed(self) -> list[BaseException]:
        """All that callbacks have raised; the test expects it thereby."""
        return self._stage.crashed()
