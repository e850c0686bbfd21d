"""Signed tokens for an application's own use (after Phoenix.Token).

::

    from actors import Error, Ok, token

    text = token.sign(SECRET, "user auth", user_id)            # in the page that is logged in

    @classmethod
    def connect(cls, info):
        claim = token.verify(SECRET, "user auth", info.params.get("token"))
        return Ok({"user": claim.value}) if isinstance(claim, Ok) else claim

Tokens are signed, not encrypted: whoever holds one can read it. See :mod:`actors.signing`.
"""

from __future__ import annotations

import time

from actors import signing
from actors.results import Error, Ok


def sign(
    secret_key_base: signing.Secrets, salt: str, data: object, *, now: float | None = None
) -> str:
    """Make a token; the errors are those of :func:`actors.signing.sign`."""
    return signing.sign(secret_key_base, salt, data, now=_wall(now))


def verify(
    secret_key_base: signing.Secrets,
    salt: str,
    token: object,
    *,
    max_age: float | None = 86_400,
    now: float | None = None,
) -> Ok | Error:
    """Answer ``Ok(data)`` or ``Error("missing" | "invalid" | "expired")``; ages in seconds."""
    return signing.verify(secret_key_base, salt, token, max_age=max_age, now=_wall(now))


def _wall(now: float | None) -> float:
    return time.time() if now is None else now
