"""The signed cookie session that ``connect_info`` may ask for, bound to a CSRF token.

Browsers send cookies with a WebSocket handshake from *any* page, so a session is handed to
``connect`` only where the query holds ``_csrf_token``: a value that only a page of ours could read
(Plug.CSRFProtection). A page makes both with :func:`issue`::

    set_cookie, csrf_token = session.issue(
        OPTIONS, SECRET, {"user": 7}, random_bytes=os.urandom, now=time.time()
    )

and its script connects with ``{params: {_csrf_token: csrfToken}}``. The cookie is signed, not
encrypted: the client can read it.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from actors import signing
from actors.options import Options, boolean, one_of, option, positive
from actors.results import Error
from transports.http.cookies import parse_cookies
from transports.http.grammar import TOKEN

CSRF_PARAM = "_csrf_token"
_STATE_SIZE = 18
_STATE = re.compile(r"[A-Za-z0-9_-]{24}")
_TOKEN = re.compile(r"[A-Za-z0-9_-]{48}")
_COOKIE_PATH = re.compile(r"/[!-:<-~]*")


def _text(pattern: re.Pattern[str], wanted: str) -> Callable[[Any], str | None]:
    return lambda value: None if isinstance(value, str) and pattern.fullmatch(value) else wanted


def _word(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "a str that is not empty"


def _age(value: Any) -> str | None:
    return None if value is None or not positive(value) else "a number of seconds above 0, or None"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionOptions(Options):
    """How a session is stored; give it as ``connect_info=(("session", SessionOptions(...)),)``."""

    signing_salt: str = option("", "separates this session from other tokens", check=_word)
    key: str = option("_session", "the cookie's name", check=_text(TOKEN, "the name of a cookie"))
    csrf_token_key: str = option(CSRF_PARAM, "where in the session the CSRF state is", check=_word)
    max_age: float | None = option(None, "seconds a session lasts; None: no end", check=_age)
    path: str = option("/", "the cookie's path", check=_text(_COOKIE_PATH, "a path such as '/'"))
    same_site: str = option("Lax", "the cookie's SameSite", check=one_of("Lax", "Strict", "None"))
    secure: bool = option(False, "send the cookie over https alone", check=boolean)


def issue(
    options: SessionOptions,
    secrets: signing.Secrets,
    data: Mapping[str, Any],
    *,
    random_bytes: Callable[[int], bytes],
    now: float,
) -> tuple[str, str]:
    """Return the value of a ``Set-Cookie`` header that stores ``data``, and a CSRF token with it.

    CSRF state that ``data`` has from an earlier cookie is kept, so that pages already open go on
    working. ``random_bytes(n)`` is ``os.urandom``. Raises as :func:`actors.signing.sign` does.
    """
    state = data.get(options.csrf_token_key)
    if not isinstance(state, str) or not _STATE.fullmatch(state):
        state = base64.urlsafe_b64encode(random_bytes(_STATE_SIZE)).decode()
    stored = {**data, options.csrf_token_key: state}
    token = signing.sign(secrets, options.signing_salt, stored, now=now)
    return _set_cookie(options, token), mask_csrf(state, random_bytes(_STATE_SIZE))


def read(
    options: SessionOptions,
    secrets: signing.Secrets,
    cookies: Iterable[str],
    *,
    now: float,
    skew: float = signing.CLOCK_SKEW,
    on_ahead: Callable[[float], object] | None = None,
) -> dict[str, Any] | None:
    """Return the session in ``cookies``, the values of the ``Cookie`` header, without CSRF check.

    ``None`` where there is none, or it is not ours, or too old. ``skew`` and ``on_ahead`` are those
    of :func:`actors.signing.verify`.
    """
    token = parse_cookies(cookies).get(options.key)
    claim = signing.verify(
        secrets,
        options.signing_salt,
        token,
        max_age=options.max_age,
        now=now,
        skew=skew,
        on_ahead=on_ahead,
    )
    if isinstance(claim, Error) or not isinstance(claim.value, dict):
        return None
    return claim.value


def checked(
    options: SessionOptions, session: dict[str, Any] | None, csrf_token: object
) -> dict[str, Any] | None:
    """Return ``session``, or ``None`` where ``csrf_token`` is not its own.

    ``csrf_token`` is the query parameter ``_csrf_token``, whatever the client made of it.
    """
    if session is None or not _is_csrf(session.get(options.csrf_token_key), csrf_token):
        return None
    return session


def mask_csrf(state: str, mask: bytes) -> str:
    """Return a CSRF token for ``state``: another one for each ``mask`` of 18 random bytes.

    A page that is compressed and echoes input could else leak it byte by byte (BREACH).
    """
    return base64.urlsafe_b64encode(_xor(base64.urlsafe_b64decode(state), mask) + mask).decode()


def _is_csrf(state: object, token: object) -> bool:
    if not isinstance(state, str) or not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return False
    raw = base64.urlsafe_b64decode(token)
    plain = base64.urlsafe_b64encode(_xor(raw[:_STATE_SIZE], raw[_STATE_SIZE:]))
    return hmac.compare_digest(plain, state.encode())


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _set_cookie(options: SessionOptions, token: str) -> str:
    parts = [f"{options.key}={token}", f"path={options.path}", "HttpOnly"]
    parts.append(f"SameSite={options.same_site}")
    if options.max_age is not None:
        parts.append(f"max-age={int(options.max_age)}")
    if options.secure:
        parts.append("secure")
    return "; ".join(parts)
