"""What the token of a long-poll session holds, so that any worker can serve any poll."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import msgpack

from actors import signing
from actors.results import Error

_pack: Callable[[object], bytes] = msgpack.Packer().pack  # packb makes a packer each time

_SHAPE = [str, str, str, int]


class SessionToken(NamedTuple):
    """Where a session lives and how much of it the client has.

    ``worker`` and ``session`` name the actor, ``nonce`` is one that nobody can guess, and new for
    each session. ``cursor`` counts the messages that were handed to the client (see
    :mod:`transports.longpoll.buffer`).
    """

    worker: str
    session: str
    nonce: str
    cursor: int = 0


def encode(secrets: signing.Secrets, salt: str, token: SessionToken, *, now: float) -> str:
    """Sign ``token``; ``salt`` is the endpoint's, so that one endpoint's token is not another's."""
    return signing.sign_plain(secrets, salt, _pack([int(now * 1000), token]))


def decode(
    secrets: signing.Secrets,
    salt: str,
    text: object,
    *,
    max_age: float,
    now: float,
    skew: float = signing.CLOCK_SKEW,
    on_ahead: Callable[[float], object] | None = None,
) -> SessionToken | Error:
    """Read a token as :func:`actors.signing.verify` does."""
    claim = signing.verify(
        secrets, salt, text, max_age=max_age, now=now, skew=skew, on_ahead=on_ahead
    )
    if isinstance(claim, Error):
        return claim
    # Plain checks: a pattern of classes costs as much as the signature.
    value = claim.value
    if type(value) is not list or [type(part) for part in value] != _SHAPE or value[3] < 0:
        return Error("invalid")
    return SessionToken(*value)
