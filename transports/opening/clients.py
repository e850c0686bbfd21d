"""The clients of one mount over one transport: how many are open, and what is told of each.

Nothing is made for nobody: who listens is asked first. All of it is told last, when whoever tells
it has nothing more to do, so that a handler which blocks finds everything in order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from actors import telemetry
from actors.errors import ProtocolError
from actors.metrics.traffic import Carrier
from actors.reasons import Closed, Failure, Reason

if TYPE_CHECKING:
    from actors.socket import Socket


class Carrying(Carrier, Protocol):
    """What operates a client's actor, and counts what it carries."""

    actor: Socket


class Clients:
    """``count`` of the mount at ``path`` are open over ``transport``. Times are seconds."""

    __slots__ = ("count", "path", "transport")

    def __init__(self, path: str, transport: str) -> None:
        self.path = path
        self.transport = transport
        self.count = 0

    def opened(self, actor: Socket, peer: str) -> None:
        """Count a client, and tell that it has connected."""
        self.count += 1
        if telemetry.listens("connection.opened"):
            about = {
                "id": actor.actor_urn,
                "mount": self.path,
                "transport": self.transport,
                "peer": peer,
            }
            telemetry.execute("connection.opened", {"open": self.count}, about)

    def closed(
        self, ended: Carrying, peer: str, duration: float, reason: Reason, code: int | None
    ) -> None:
        """Count one less, and tell that its socket has ended, and what it carried."""
        self.count -= 1
        if telemetry.listens("connection.closed"):
            measured = {
                "duration": duration,
                "bytes_in": ended.bytes_in,
                "bytes_out": ended.bytes_out,
                "messages_in": ended.messages_in,
                "messages_out": ended.messages_out,
            }
            about = {
                "id": ended.actor.actor_urn,
                "mount": self.path,
                "transport": self.transport,
                "peer": peer,
                "reason": reason,
                "code": code,
                "by": "client" if _is_by_client(reason) else "server",
            }
            telemetry.execute("connection.closed", measured, about)

    def slow(self, actor: Socket, queued: int) -> None:
        """Tell that a client is ended as it does not take the ``queued`` bytes."""
        if telemetry.listens("connection.slow_consumer"):
            about = {"id": actor.actor_urn, "mount": self.path, "transport": self.transport}
            telemetry.execute("connection.slow_consumer", {"queued": queued}, about)

    def session_opened(self, actor: Socket) -> None:
        """Tell that a long-poll session begins."""
        if telemetry.listens("longpoll.opened"):
            about = {"id": actor.actor_urn, "mount": self.path}
            telemetry.execute("longpoll.opened", {"open": self.count}, about)

    def session_closed(
        self, actor: Socket, duration: float, unfetched: int, reason: Reason | None
    ) -> None:
        """Tell that one is forgotten, with the messages that no poll has fetched."""
        if telemetry.listens("longpoll.closed"):
            about = {"id": actor.actor_urn, "mount": self.path, "reason": reason}
            measured = {"duration": duration, "messages": unfetched}
            telemetry.execute("longpoll.closed", measured, about)


def _is_by_client(reason: Reason) -> bool:
    """Whether the client began it: it went away, or it broke the protocol."""
    if isinstance(reason, Failure):
        return isinstance(reason.detail, ProtocolError)
    return isinstance(reason, Closed)
