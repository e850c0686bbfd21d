"""What the log says of the reason for which ``connect`` refused a client."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from actors.crash_text import described
from actors.logs.escaping import escaped
from transports.opening.opened import Opened

MAX_REASON: Final = 200
"""Characters of a reason that are logged."""

MAX_LOOK: Final = 4000
"""Characters of a reason that are looked at."""

SHORTEST: Final = 4
"""Characters of the shortest value that is taken for a secret, if its name says that it is one."""

LONG: Final = 16
"""Characters from which on a value is taken for a secret, whatever its name: it may be a token."""

HIDDEN: Final = "[hidden]"

_HEADERS: Final = ("authorization", "cookie", "sec-websocket-protocol")
_NAMED = re.compile(
    "auth|code|cookie|cred|csrf|jwt|key|otp|pass|pin|pwd|secret|session|sid|sign|ticket|token",
    re.IGNORECASE,
)
_PARTS = re.compile(r"[\s,;=]+")


class Reason:
    """The reason as text, made when it is written: without what the client has sent.

    An application may well put a token into its reason. So the parameters of the query that are
    long, or named as secrets are, and the parts of headers that hold secrets (and of any ``X-``
    header) are hidden where they occur.
    """

    __slots__ = ("_opened", "_reason")

    def __init__(self, reason: object, opened: Opened) -> None:
        self._reason = reason
        self._opened = opened

    def __str__(self) -> str:
        reason = self._reason
        if reason is None:
            return "no reason given"
        if isinstance(reason, BaseException):
            text = described(reason, MAX_LOOK)
        else:
            try:
                text = reason if isinstance(reason, str) else repr(reason)
            except Exception:  # noqa: BLE001 - an application's __repr__
                text = f"a {type(reason).__name__}"
        text = text[:MAX_LOOK]
        for secret in sorted(_sent(self._opened), key=len, reverse=True):
            for form in (secret, repr(secret)[1:-1], escaped(secret)):
                text = text.replace(form, HIDDEN)
        return escaped(text[:MAX_REASON])


def _sent(opened: Opened) -> set[str]:
    """Return the values that may be secret, of what the client has sent."""
    request = opened.request
    found = set(_values(request.params))
    for pair in request.query_string.split("&"):
        name, _, value = pair.partition("=")
        found |= _secret(name, value)
    if opened.auth_token is not None:
        found.add(opened.auth_token)
    for name, value in request.headers:
        if name.lower() in _HEADERS or name.lower().startswith("x-"):
            found |= {value, *_PARTS.split(value)}
    return {value for value in found if len(value) >= SHORTEST}


def _secret(name: str, value: str) -> set[str]:
    return {value} if len(value) >= LONG or _NAMED.search(name) else set()


def _values(params: Any, names: str = "") -> Iterator[str]:
    if isinstance(params, str):
        yield from _secret(names, params)
    elif isinstance(params, dict):
        for name, value in params.items():
            yield from _values(value, f"{names} {name}")
    elif isinstance(params, list | tuple):
        for value in params:
            yield from _values(value, names)
