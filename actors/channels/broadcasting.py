"""Broadcasts of events to a topic, whoever sends them (``Phoenix.Channel.Server.broadcast/4``)."""

from __future__ import annotations

from actors import pubsub
from actors.channels import answers
from actors.channels.events import checked_event


def broadcast(
    topic: str, event: str, payload: object, *, excluded: int | None = None, local: bool = False
) -> None:
    """Have the clients of ``topic`` told ``event``, in all processes unless ``local``.

    ``payload`` is an object of JSON or bytes; ``None`` is ``{}``. ``excluded``: the number of the
    actor that does not get it. ``TypeError`` or ``ValueError``, and nobody is told: a payload or an
    event that may not be sent.
    """
    given = answers.payload({} if payload is None else payload)
    pubsub.broadcast_event(topic, checked_event(event), given, excluded=excluded, local=local)
