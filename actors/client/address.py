"""Where a client connects to, and what it says of itself there: the URL, parameters, a token."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from actors.client.arguments import is_utf8
from actors.errors import ConfigError, ConnectFailed

TOKEN_PREFIX: Final = "base64url.bearer.phx."
SUBPROTOCOL: Final = "phoenix"

_VISIBLE = re.compile(r"[!-~]+")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\t -~]*")
_SECURE = {"ws": False, "http": False, "wss": True, "https": True}
_OURS = frozenset({"host", "connection", "upgrade", "transfer-encoding", "content-length"})
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
    except ValueError:
        parts, port = None, None  # the error's text may quote a password
    if parts is None or port == 0:
        raise ConfigError(f"url: {_WANTED}, with a port from 1 to 65535 or none")
    secure = _SECURE.get(parts.scheme)
    if secure is None or not parts.hostname or parts.fragment or "@" in parts.netloc:
        raise ConfigError(f"url: {_WANTED}, without a user and a fragment")
    path = parts.path.rstrip("/") + "/websocket"
    return Address(secure, parts.hostname, port or (443 if secure else 80), path, parts.query)


def query_of(address: Address, params: object, vsn: str) -> str:
    """Return the query: what the URL has, the parameters, the version.

    Parameters nest as in phoenix.js: ``{"a": {"b": 1}}`` is ``a[b]=1``, and the items of a list are
    ``a[]=1``. ``None`` is empty. ``TypeError`` for what is no mapping, or no value of a query,
    ``ValueError`` for what is no UTF-8: errors have names and types, and no values.
    """
    if params is not None and not isinstance(params, Mapping):
        raise TypeError(f"params: must be a mapping, and not a {type(params).__name__}")
    pairs = [] if params is None else list(_pairs(params))
    said = [f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs]
    return "&".join([*([address.query] if address.query else []), *said, f"vsn={vsn}"])


def _pairs(params: Mapping[Any, Any], under: str = "") -> Iterator[tuple[str, str]]:
    for key, value in params.items():
        name = f"{under}[{key}]" if under else str(key)
        if not is_utf8(name):
            raise ValueError("params: a name must be UTF-8")
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
    if not isinstance(value, str | int | float):
        wrong = type(value).__name__
        raise TypeError(f"params: {name}: must be a str, a number, a bool or None, not a {wrong}")
    text = str(value)
    if not is_utf8(text):
        raise ValueError(f"params: {name}: must be UTF-8")
    return text


def subprotocols_of(auth_token: object) -> list[str] | None:
    """Return what is offered as ``Sec-WebSocket-Protocol`` for a token; ``None`` is none.

    As phoenix.js from 1.8 on: despite the prefix, in the standard alphabet of base64.
    """
    if auth_token is None:
        return None
    if not isinstance(auth_token, str) or not auth_token:
        raise TypeError("auth_token: must be a str that is not empty, or None")
    if not is_utf8(auth_token):
        raise ValueError("auth_token: must be UTF-8")
    return [SUBPROTOCOL, TOKEN_PREFIX + b64encode(auth_token.encode()).decode().rstrip("=")]


def check_headers(headers: object) -> dict[str, str]:
    """Return a copy; :class:`~actors.errors.ConfigError` for what no request can carry.

    What the handshake says itself is refused, and a name in two spellings: nothing is said twice.
    """
    if not isinstance(headers, Mapping):
        wrong = type(headers).__name__
        raise ConfigError(f"headers: must be a mapping of names to values, and not a {wrong}")
    seen: set[str] = set()
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER.fullmatch(name):
            raise ConfigError("headers: a name must be a token in ASCII")  # it may hold a value
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise ConfigError(f"headers: {name:.80}: its value must be a str in ASCII, in one line")
        lower = name.lower()
        if lower in _OURS or lower.startswith("sec-websocket-"):
            raise ConfigError(f"headers: {name:.80}: the handshake has its own")
        if lower in seen:
            raise ConfigError(f"headers: {name:.80}: is there twice")
        seen.add(lower)
    return dict(headers)


def check_host(host: str) -> None:
    """:class:`~actors.errors.ConnectFailed` for what no host is called: it is not looked up."""
    try:
        host.encode("idna")
    except UnicodeError:
        raise ConnectFailed(
            f"no host is called {host:.80}: a label has 1 to 63 characters"
        ) from None
