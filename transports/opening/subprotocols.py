"""Which subprotocol to speak, and the token that phoenix.js 1.8 puts among those it offers."""

from __future__ import annotations

import binascii
from collections.abc import Sequence
from typing import NamedTuple

from transports.http import grammar

AUTH_TOKEN_PREFIX = "base64url.bearer.phx."
AUTH_SUBPROTOCOL = "phoenix"

# The client encodes with btoa: despite the prefix, what comes is the standard alphabet.
_TO_STANDARD = bytes.maketrans(b"-_", b"+/")


class Negotiated(NamedTuple):
    """``protocol`` goes into the answer's ``Sec-WebSocket-Protocol``; ``None``: no such header."""

    protocol: str | None = None
    auth_token: str | None = None


def negotiate(ours: object, offers: Sequence[str], *, auth_token: bool = False) -> Negotiated | str:
    """Choose the first of ``ours`` among ``offers``, the values of ``Sec-WebSocket-Protocol``.

    A ``str`` is a refusal: the text for the log, to be answered with 403 and no body. It comes of
    a header that names nothing of ours, and of ``ours`` that is no list. ``ours=None`` ignores the
    header; without the header nothing is chosen. Case matters (RFC 6455 §4.2.2, /subprotocol/).

    With ``auth_token`` an offer ``base64url.bearer.phx.<token>`` becomes the token and is no offer,
    and ``phoenix`` comes first among ours. Two tokens, or one that is not UTF-8 in base64 (either
    alphabet, without padding), are refused.
    """
    if ours is None and not auth_token:
        return Negotiated()
    if ours is not None and not isinstance(ours, list | tuple):
        return f"subprotocols={ours!r} must be a list, such as subprotocols=[{ours!r}]"
    if not offers:
        return Negotiated()
    offered = grammar.split(offers)
    if offered is None:
        return f"the Sec-WebSocket-Protocol header names over {grammar.MAX_TOKENS} subprotocols"
    return _choose(ours or (), offered, auth_token=auth_token)


def _choose(ours: Sequence[str], offered: list[str], *, auth_token: bool) -> Negotiated | str:
    token = None
    if auth_token:
        ours = (AUTH_SUBPROTOCOL, *ours)
        encoded = [offer for offer in offered if offer.startswith(AUTH_TOKEN_PREFIX)]
        if len(encoded) > 1:
            return f"the Sec-WebSocket-Protocol header holds {len(encoded)} auth tokens"
        if encoded:
            token = _decoded(encoded[0].removeprefix(AUTH_TOKEN_PREFIX))
            if token is None:
                return "the auth token of the Sec-WebSocket-Protocol header is not base64 of UTF-8"
            offered.remove(encoded[0])
            if not offered:
                return Negotiated(None, token)
    for protocol in ours:
        if protocol in offered:
            return Negotiated(protocol, token)
    return (
        f"the client offers the subprotocols {_shown(offered)}, and the mount's option is "
        f"subprotocols={list(ours)!r}; add one of the client's, or leave the option out"
    )


def _decoded(encoded: str) -> str | None:
    try:
        raw = encoded.encode("ascii").rstrip(b"=").translate(_TO_STANDARD)
        padded = raw + b"=" * (-len(raw) % 4)
        return binascii.a2b_base64(padded, strict_mode=True).decode()
    except ValueError:
        return None


def _shown(offered: list[str]) -> str:
    # A mount without auth_token is offered tokens all the same: they are secrets.
    names = [
        f"{AUTH_TOKEN_PREFIX}[FILTERED]" if offer.startswith(AUTH_TOKEN_PREFIX) else offer
        for offer in offered
    ]
    return repr(names)[:200]
