"""Where a client connects to, and what it says of itself there: the URL, parameters, a token."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from actors.errors import ConfigError

TOKEN_PREFIX: Final = "base64url.bearer.phx."
SUBPROTOCOL: Final = "phoenix"

_VISIBLE = re.compile(r"[!-~]+")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\t -~]*")
_SECURE = {"ws": False, "http": False, "wss": True, "https": True}
_WANTED = "must be a URL such as 'wss://example.com/socket'"


class Address(NamedTuple):
    """Where a socket is served; ``path`` and ``query`` are as they were written."""

    secure: bool
    host: str
    port: int
    path: str
    query: str


def address_of(url: object) -> Address:
    """Return what ``url`` says, with ``/websocket`` behind its path as phoenix.js appends it.

    :class:`~actors.errors.ConfigError` for what is no URL of ws, wss, http or https, and for one
    with a user or a fragment.
    """
    if not isinstance(url, str) or not _VISIBLE.fullmatch(url):
        raise ConfigError(f"url: {_WANTED}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ConfigError(f"url: {error}; {_WANTED}") from None
    secure = _SECURE.get(parts.scheme)
    if secure is None or not parts.hostname or parts.fragment or "@" in parts.netloc:
        raise ConfigError(f"url: {_WANTED}, without a user and a fragment")
    path = parts.path.rstrip("/") + "/websocket"
    return Address(secure, parts.hostname, port or (443 if secure else 80), path, parts.query)


def query_of(address: Address, params: object, vsn: str) -> str:
    """Return the query: what the URL has, the parameters, the version.

    Parameters nest as in phoenix.js: ``{"a": {"b": 1}}`` is ``a[b]=1``, and the items of a list are
    ``a[]=1``. ``None`` is empty. ``TypeError`` for what is no mapping, or no value of a query.
    """
    if params is not None and not isinstance(params, Mapping):
        raise TypeError(f"params {params!r:.80}: must be a mapping")
    pairs = [] if params is None else list(_pairs(params))
    said = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs]
    return "&".join([*([address.query] if address.query else []), *said, f"vsn={vsn}"])


def _pairs(params: Mapping[Any, Any], under: str = "") -> Iterator[tuple[str, str]]:
    for key, value in params.items():
        name = f"{under}[{key}]" if under else str(key)
        if isinstance(value, Mapping):
            yield from _pairs(value, name)
        elif isinstance(value, list | tuple):
            for each in value:
                yield f"{name}[]", _value(name, each)
        else:
            yield name, _value(name, value)


def _value(name: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(f"params: {name}={value!r:.80}: must be a str, a number, a bool or None")


def subprotocols_of(auth_token: object) -> list[str] | None:
    """Return what is offered as ``Sec-WebSocket-Protocol`` for a token; ``None`` is none.

    As phoenix.js from 1.8 on: despite the prefix, in the standard alphabet of base64.
    """
    if auth_token is None:
        return None
    if not isinstance(auth_token, str) or not auth_token:
        raise TypeError("auth_token: must be a str that is not empty, or None")
    return [SUBPROTOCOL, TOKEN_PREFIX + b64encode(auth_token.encode()).decode().rstrip("=")]


def check_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return a copy; :class:`~actors.errors.ConfigError` for what no request can carry."""
    for name, value in headers.items():
        named = isinstance(name, str) and _HEADER.fullmatch(name)
        if not named or not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise ConfigError(f"headers: {name!r:.80}: must be a name and a value in ASCII")
    return dict(headers)
