"""What a client sends and wants an answer to: a join, a push, a leave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from actors.client.deadlines import Deadline
from actors.client.messages import Body, Message
from actors.errors import ClientError
from actors.results import Error, Ok, Reply

JOIN: Final = "phx_join"
LEAVE: Final = "phx_leave"
CLOSE: Final = "phx_close"
NOTHING: Final = Body(b"{}", binary=False)

Answer = Ok | Error | Reply
"""A reply: ``Ok(response)``, ``Error(response)``, or ``Reply(response, status)`` of another one."""


class Request:
    """One of them; ``outcome`` is ``None`` until it is known.

    ``woken`` is for whoever drives the session: what is to be called when it is known.
    """

    __slots__ = ("body", "deadline", "event", "outcome", "ref", "topic", "woken")

    def __init__(self, topic: str, event: str, body: Body = NOTHING) -> None:
        self.topic = topic
        self.event = event
        self.body = body
        self.ref: str | None = None
        self.deadline: Deadline | None = None
        self.outcome: Answer | ClientError | None = None
        self.woken: Callable[[], object] | None = None

    @property
    def size(self) -> int:
        """About how many bytes it takes on its way."""
        return len(self.topic) + len(self.event) + len(self.body.data) + 32


def answer_of(message: Message) -> Answer:
    """Return what a reply says."""
    status, response = message.payload["status"], message.payload.get("response", {})
    if status == "ok":
        return Ok(response)
    return Error(response) if status == "error" else Reply(response, status)
