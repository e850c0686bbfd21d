"""The opening handshake (RFC 6455 §4.2): a chain of checks, and the answer.

The checks and their sentences are in the order of the recordings of Phoenix; what is stricter here
is said beside the check.
"""

from __future__ import annotations

import hashlib
import json
import re
from binascii import b2a_base64
from collections.abc import Iterable

from actors.errors import HandshakeError
from transports.http import grammar
from transports.http.request import Request

VERSION = "13"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==")
_FORBIDDEN = re.compile(r"[\r\n\0]")
_STATUS_LINE = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"


def validate(request: Request) -> str:
    """Return the key of an acceptable upgrade; else raise :class:`HandshakeError` with status 400.

    The message names the header, what was wanted and what came.
    """
    key = _usual(request)
    if key is not None:
        return key
    if request.method != "GET":
        raise HandshakeError(400, f"HTTP method {_cut(request.method)} unsupported")
    if request.version != "1.1":
        raise HandshakeError(400, f"HTTP version HTTP/{_cut(request.version)} unsupported")
    _must_contain(request, "connection", "upgrade")
    _must_contain(request, "upgrade", "websocket")
    key = _key(request)
    _version(request)
    refuse_body(request)
    return key


def accept_value(key: str) -> str:
    """Return ``Sec-WebSocket-Accept`` for ``key`` (RFC 6455 §4.2.2, 5.4)."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return b2a_base64(digest, newline=False).decode()


def response(
    accept: str,
    subprotocol: str | None = None,
    extensions: str | None = None,
    headers: Iterable[tuple[str, str]] = (),
) -> bytes:
    """Return the whole 101; ``ValueError`` for a header that holds CR, LF or NUL."""
    head = f"{_STATUS_LINE}sec-websocket-accept: {accept}\r\n"
    if subprotocol is not None:
        head += _line("sec-websocket-protocol", subprotocol)
    if extensions is not None:
        head += _line("sec-websocket-extensions", extensions)
    for name, value in headers:
        head += _line(name, value)
    return (head + "\r\n").encode("latin-1")


def _usual(request: Request) -> str | None:
    """Return the key of a request as nearly every client sends it, at a fifth of the chain's cost.

    What it lets through, the chain would; the rest is the chain's.
    """
    found = request.first_values
    if (
        len(found) == len(request.headers)
        and request.method == "GET"
        and request.version == "1.1"
        and found.get("connection") in {"Upgrade", "upgrade", "keep-alive, Upgrade"}
        and found.get("upgrade") == "websocket"
        and found.get("sec-websocket-version") == VERSION
        and "content-length" not in found
        and "transfer-encoding" not in found
        and _KEY.fullmatch(found.get("sec-websocket-key", ""))
    ):
        return found["sec-websocket-key"]
    return None


def _must_contain(request: Request, name: str, wanted: str) -> None:
    values = request.headers_named(name)
    found = grammar.split(values) or ()
    if not any(token.lower() == wanted for token in found):
        raise HandshakeError(400, f"'{name}' header must contain '{wanted}', got {_shown(values)}")


def _key(request: Request) -> str:
    # Phoenix takes any key and, under Cowboy, two of them; RFC 6455 §4.2.1 wants 16 bytes, once.
    values = request.headers_named("sec-websocket-key")
    if not values:
        raise HandshakeError(400, "'sec-websocket-key' header is absent")
    if len(values) != 1 or not _KEY.fullmatch(values[0]):
        wanted = "must be 16 bytes in base64, once"
        raise HandshakeError(400, f"'sec-websocket-key' header {wanted}, got {_shown(values)}")
    return values[0]


def _version(request: Request) -> None:
    values = request.headers_named("sec-websocket-version")
    if values != [VERSION]:
        text = f"'sec-websocket-version' header must equal '{VERSION}', got {_shown(values)}"
        # RFC 6455 §4.4 asks for the header; its 426 is 400 in Phoenix.
        raise HandshakeError(400, text, (("sec-websocket-version", VERSION),))


def refuse_body(request: Request) -> None:
    """Raise :class:`HandshakeError` with status 400 for a request that announces a body.

    It would be frames to us and a body to a proxy between.
    """
    for name, harmless in (("content-length", ["0"]), ("transfer-encoding", [])):
        if request.header(name) is None:
            continue  # as in nearly every upgrade
        values = request.headers_named(name)
        if values != harmless:
            raise HandshakeError(400, f"'{name}' header must be absent, got {_shown(values)}")


def _line(name: str, value: str) -> str:
    if _FORBIDDEN.search(name) or _FORBIDDEN.search(value):
        raise ValueError(f"header {name!r} holds CR, LF or NUL")
    return f"{name}: {value}\r\n"


def _shown(values: object) -> str:
    return _cut(json.dumps(values))


def _cut(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + "..."
