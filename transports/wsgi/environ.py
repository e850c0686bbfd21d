"""Requests as WSGI environments (PEP 3333), and back."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping
from typing import Any, TextIO
from urllib.parse import quote_from_bytes, unquote_to_bytes
from wsgiref.util import FileWrapper

from actors.errors import HTTPError
from transports.http.grammar import TOKEN
from transports.http.lines import shown
from transports.http.request import DEFAULT_PORTS, Address, Headers, Request, parse_host

_VALUE = re.compile(r"[\t -~\x80-\xff]*")  # a folded line, a CR or a NUL is none (RFC 9110 §5.5)
_VERSION = re.compile(r"HTTP/([0-9]\.[0-9])")
_UNPREFIXED = ("CONTENT_TYPE", "CONTENT_LENGTH")
_PATH_SAFE = "!$&'()*+,;=:@/~"


def from_request(request: Request, local: Address, errors: TextIO) -> dict[str, Any]:
    """Return the environment of ``request``; ``local`` is the address that it came in by.

    The path is percent-decoded, its bytes as Latin-1. A header that is repeated is joined with
    commas, ``Cookie`` with semicolons (RFC 9110 §5.3, RFC 6265 §5.4). Headers with an underscore in
    their name are left out: they would pass for those with a hyphen. The body is there, so its
    length is its own and a transfer coding is not mentioned. Applications run side by side in
    greenlets and in several processes.
    """
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query_string,
        "REQUEST_URI": request.target,
        "SERVER_PROTOCOL": f"HTTP/{request.version}",
        "SERVER_NAME": local[0],
        "SERVER_PORT": str(local[1]),
        "REMOTE_ADDR": request.peer[0],
        "REMOTE_PORT": str(request.peer[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": request.scheme,
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": errors,
        "wsgi.file_wrapper": FileWrapper,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in request.headers:
        key = _key(name)
        if "_" in name or key == "HTTP_TRANSFER_ENCODING":
            continue
        if key in environ:
            separator = "; " if name == "cookie" else ","
            value = f"{environ[key]}{separator}{value}"  # noqa: PLW2901 - the joined value
        environ[key] = value
    if request.body or "CONTENT_LENGTH" in environ:
        environ["CONTENT_LENGTH"] = str(len(request.body))
    return environ


def _key(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key in _UNPREFIXED else f"HTTP_{key}"


def to_request(
    environ: Mapping[str, Any], target: str, headers: Iterable[tuple[str, str]], body: bytes = b""
) -> Request:
    """Return the request that another server has parsed into ``environ``.

    ``target`` and ``headers`` are as they were sent where that is known, else those of
    :func:`target_of` and :func:`headers_of`. :class:`HTTPError` 400: there is not one Host, or a
    header or the version is none.
    """
    kept = tuple((name.lower(), value.strip(" \t")) for name, value in headers)
    for name, value in kept:
        if not TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
            raise HTTPError(400, f"the header {name[:40]!r} is malformed")
    version = _VERSION.fullmatch(environ.get("SERVER_PROTOCOL", ""))
    if version is None:
        raise HTTPError(400, "the version of HTTP is malformed")
    scheme = environ["wsgi.url_scheme"]
    host = _host([value for name, value in kept if name == "host"], scheme, version[1])
    path, _, query_string = target.partition("?")
    return Request(
        method=environ["REQUEST_METHOD"],
        target=target,
        path=path,
        query_string=query_string,
        headers=kept,
        version=version[1],
        body=body,
        scheme=scheme,
        host=host[0],
        port=host[1],
        peer=(environ.get("REMOTE_ADDR", ""), int(environ.get("REMOTE_PORT") or 0)),
    )


def _host(values: list[str], scheme: str, version: str) -> tuple[str, int]:
    if not values and version == "1.0":
        return "", DEFAULT_PORTS[scheme]
    host = parse_host(values[0], scheme) if len(values) == 1 else None
    if host is None:
        wanted = "must be one host name with an optional port"
        raise HTTPError(400, f"the 'host' header {wanted}, got {shown(values)}")
    return host


def target_of(environ: Mapping[str, Any]) -> str:
    """Return the target as nearly as an environment tells: its path is encoded anew."""
    path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
    query = environ.get("QUERY_STRING", "")
    target = quote_from_bytes(path.encode("latin-1"), _PATH_SAFE)
    return f"{target}?{query}" if query else target


def headers_of(environ: Mapping[str, Any]) -> Headers:
    """Return the headers of an environment, in which repeated ones are joined."""
    found = []
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            found.append((key.removeprefix("HTTP_").replace("_", "-").lower(), value))
        elif key in _UNPREFIXED and value:
            found.append((key.replace("_", "-").lower(), value))
    return tuple(found)
