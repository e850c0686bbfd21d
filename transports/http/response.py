"""Answers as bytes (RFC 9112)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

from transports.http.grammar import TOKEN
from transports.http.request import Headers

_VALUE = re.compile(r"[\t -~\x80-\xff]*")  # no CR, LF or NUL (RFC 9110 §5.5)
_OURS = frozenset({"content-length", "transfer-encoding", "date"})
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_CLOSE = "connection: close\r\n"
WITHOUT_BODY = frozenset({204, 304})


@dataclass(slots=True)
class Response:
    """What a handler answers. ``headers`` lack what :func:`encode` adds itself."""

    status: int
    body: bytes = b""
    headers: Headers = ()


def encode(response: Response, *, close: bool, head_only: bool = False, date: str) -> bytes:
    """Return ``response`` as it goes on the wire, with date, length and (if ``close``) connection.

    ``head_only`` leaves the body out, as HEAD asks. ``date`` is an IMF-fixdate. ``ValueError``: as
    of :func:`encode_head`, or a body where its status allows none. ``TypeError``: a part has the
    wrong type. Nothing may be sent then.
    """
    status, body, framing = response.status, response.body, ""
    if status not in WITHOUT_BODY:
        framing = f"content-length: {len(body)}\r\n"
    elif body:
        raise ValueError(f"status {status} has no body")
    if close:
        framing += _CLOSE
    # As encode_head does, at half of what it costs.
    head = f"{_start(status, response.headers)}{framing}date: {date}\r\n\r\n".encode("latin-1")
    return head if head_only else head + body


def encode_head(status: int, headers: Headers, framing: str, *, close: bool, date: str) -> bytes:
    """Return a head, empty line included; ``framing`` is the line that says where the body ends.

    ``ValueError``: a header could split the answer (CR, LF, NUL or another control character), is
    not Latin-1 or is one that this function adds; or the status is not from 200 to 599.
    """
    connection = _CLOSE if close else ""
    return f"{_start(status, headers)}{framing}{connection}date: {date}\r\n\r\n".encode("latin-1")


@lru_cache(maxsize=128)
def _start(status: int, headers: Headers) -> str:
    """Return the status line and the checked headers; most answers have those of an earlier one."""
    if not 200 <= status <= 599:  # RFC 9110 §15.2: what is below is not an answer yet
        raise ValueError(f"status {status} is no answer")
    lines = [f"HTTP/1.1 {status:d} {_REASONS.get(status, 'Unknown')}\r\n"]
    for name, value in headers:
        if not TOKEN.fullmatch(name) or name.lower() in _OURS:
            raise ValueError(f"header name {name[:40]!r} cannot be sent")
        if not _VALUE.fullmatch(value):
            raise ValueError(f"the value of header {name[:40]!r} holds what a header cannot")
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines)
