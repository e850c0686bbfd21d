"""What a :class:`~actors.client.session.Session` wants done, in order."""

from __future__ import annotations

from typing import NamedTuple

from actors.client.channels.membership import Membership
from actors.client.channels.request import Request
from actors.client.messages import Message
from actors.serializers.message import Frame


class Connect(NamedTuple):
    """Begin the attempt of this number; say ``opened`` or ``lost`` with the number."""

    attempt: int


class Transmit(NamedTuple):
    """Send a frame over the present connection."""

    frame: Frame


class Disconnect(NamedTuple):
    """End that attempt, or its connection: after what was transmitted, with this Close frame.

    ``wait`` says whether the session waits for ``lost``; else it is done with it.
    """

    attempt: int
    code: int
    reason: str
    wait: bool


class Opened(NamedTuple):
    """There is a connection."""


class Closed(NamedTuple):
    """There is none any more; 1006 where no Close frame came (RFC 6455 §7.1.5)."""

    code: int
    reason: str


class Failed(NamedTuple):
    """An attempt has failed."""

    reason: str


class Settled(NamedTuple):
    """The outcome of a request is known."""

    request: Request


class PayloadWanted(NamedTuple):
    """Ask the application for the payload of a join; answer by ``send_join`` with the number."""

    membership: Membership
    number: int


class Joined(NamedTuple):
    """A channel has been joined, for the first time or again."""

    membership: Membership
    response: object


class Delivered(NamedTuple):
    """A message for a channel, of ``size`` bytes."""

    membership: Membership
    message: Message
    size: int


class Errored(NamedTuple):
    """A channel has failed, and is going to be joined again.

    ``again`` says that it was not joined: a further join was refused, or not answered.
    """

    membership: Membership
    reason: str
    again: bool = False


class Ended(NamedTuple):
    """A channel is closed: it is not joined again by itself."""

    membership: Membership
    reason: str


Effect = (
    Connect
    | Transmit
    | Disconnect
    | Opened
    | Closed
    | Failed
    | Settled
    | PayloadWanted
    | Joined
    | Delivered
    | Errored
    | Ended
)
