"""``channels``: channel sockets and their topics in a test, without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from actors.channels.socket import Accepted, ChannelSocket
from actors.endpoint.definition import Endpoint
from actors.messages import ConnectInfo
from actors.serializers.default import DEFAULT
from actors.serializers.message import Serializer
from actors.serializers.v2 import V2
from actors.testing.client import ChannelClient
from actors.testing.connection import accepted, begin
from actors.testing.listener import Listener
from actors.testing.sent import Keeping
from actors.testing.stage import Stage
from actors.testing.wire import Wire
from transports.websocket.options import WebSocketOptions

VSN: Final = "2.0.0"

SERVED: Final[Sequence[tuple[Serializer, str]]] = tuple(
    (each.serializer, each.requirement) for each in DEFAULT
)


class Channels:
    """The fixture ``channels``. ``endpoint``: what sockets and channels see as theirs."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._keeping: dict[int, Keeping] = {}
        self.endpoint: Any = Endpoint()

    def connect(
        self,
        socket_class: type[ChannelSocket[Any]],
        params: Mapping[str, Any] | None = None,
        *,
        connect_info: Mapping[str, Any] | None = None,
        transport: str = "websocket",
        vsn: str = VSN,
        serializer: Sequence[tuple[Any, str]] = SERVED,
    ) -> ChannelClient:
        """Ask the class's ``connect``, and return the client of the socket that it accepted.

        ``params`` are those of the query, ``serializer`` is the option of a mount.
        :class:`~actors.testing.Refused`: it answered ``Error``, whose reason that has. What
        ``connect`` raises is raised here.
        """
        __tracebackhide__ = True
        kept = [(self._kept(each), requirement) for each, requirement in serializer]
        options = WebSocketOptions(serializer=kept)
        named = {"vsn": vsn, **(params or {})}
        info = ConnectInfo(self.endpoint, transport, named, options, connect_info or {})
        return self._begin(socket_class, accepted(self._stage, socket_class, info))

    def socket(
        self,
        socket_class: type[ChannelSocket[Any]],
        assigns: Any = None,
        *,
        transport: str = "websocket",
    ) -> ChannelClient:
        """Return the client of a socket that was accepted with ``assigns``, without ``connect``."""
        given = {} if assigns is None else assigns
        socket_id = socket_class.id(given)
        kept = self._kept(V2)
        agreed = Accepted(given, kept, socket_id, self.endpoint, transport, VSN)
        return self._begin(socket_class, agreed)

    def _begin(self, socket_class: type[ChannelSocket[Any]], agreed: Accepted) -> ChannelClient:
        wire = Wire()
        actor: Any = begin(self._stage, socket_class, wire, agreed)
        keeping: Any = agreed.serializer
        return ChannelClient(self._stage, actor, wire, keeping)

    def _kept(self, serializer: Serializer) -> Keeping:
        """Return one for each serializer: lanes of equal ones share what they send."""
        return self._keeping.setdefault(id(serializer), Keeping(serializer))

    def subscribe(self, topic: str) -> Listener:
        """Hear what is broadcast to ``topic`` from now on."""
        return Listener(self._stage, topic)

    def settle(self) -> None:
        """Let the actors run until nothing is ready."""
        self._stage.settle()

    @property
    def crashed(self) -> list[BaseException]:
        """All that callbacks have raised; the test expects it thereby."""
        return self._stage.crashed()
