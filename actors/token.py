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

import logging
import time

from actors import signing
from actors.capped_log import CappedLog
from actors.results import Error, Ok

_clocks = CappedLog(logging.getLogger("roost.endpoint"), period=10.0)


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
    skew: float = signing.CLOCK_SKEW,
) -> Ok | Error:
    """Return ``Ok(data)`` or ``Error("missing" | "invalid" | "expired")``; ages in seconds.

    A token of a clock that is up to ``skew`` seconds ahead of this one is valid. One that is
    further ahead is invalid, and a warning says that a clock is wrong.
    """
    return signing.verify(
        secret_key_base,
        salt,
        token,
        max_age=max_age,
        now=_wall(now),
        skew=skew,
        on_ahead=report_ahead,
    )


def report_ahead(seconds: float) -> None:
    """Log that a token of ours was signed ``seconds`` ahead of this clock; often is once."""
    _clocks.log(
        logging.WARNING,
        "ahead",
        "a valid token was refused: it was signed %.0f s ahead of this machine's clock, which was"
        " set back, or differs by more than clock_skew from that of the machine that signed",
        seconds,
    )


def _wall(now: float | None) -> float:
    return time.time() if now is None else now
