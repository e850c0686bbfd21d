"""The head of a request: llhttp's strict parse, and what llhttp lets through.

llhttp (httptools with no leniency) refuses bare CR and LF, folded lines, control characters, white
space before a colon, and a Content-Length that is doubled, signed or beside a Transfer-Encoding.
It accepts, and this module refuses: no Host, two of them, or one that is none; a target that is
not a path of this host; CONNECT; versions other than 1.0 and 1.1; transfer codings other than
chunked, and any in HTTP/1.0.

A head that differs from an earlier one of its connection in the target and the length of its body
alone is only compared, and so is an upgrade that is like an earlier one of any connection
(:mod:`transports.http.upgrades`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from actors.errors import HTTPError
from actors.speedups import hot
from transports.http.lines import REQUEST_LINE, TARGET_BYTES, HeadLines, shown
from transports.http.options import HTTPOptions
from transports.http.request import DEFAULT_PORTS, Address, Headers, Request, parse_host

_FRAMING = frozenset({"content-length", "transfer-encoding"})
_KEEP_ALIVE = (None, "keep-alive", "Keep-Alive")
_LENGTH = "content-length"
_LENGTH_LINE = b"\r\nContent-Length: "  # as nearly all clients spell it
_MAX_DIGITS = 19  # of a length, judged before int(), whose cost grows with the digits


@dataclass(slots=True)
class Fields:
    """What a head says beside its target.

    The head is ``start``, the target without its ``/``, and ``end``, as they came; ``length`` is
    the body's in bytes, ``None`` where it is chunked. ``keep_alive`` is ``None`` where it takes a
    closer look.
    """

    start: bytes
    end: bytes
    method: str
    version: str
    headers: Headers
    first: dict[str, str]
    host: str
    port: int
    length: int | None
    expects_continue: bool
    keep_alive: bool | None

    def request(
        self, target: str, scheme: str, peer: Address, headers: Headers, first: dict[str, str]
    ) -> Request:
        """Return a request of this head, with another ``target``, without its body."""
        path, _, query_string = target.partition("?")
        # By position, which costs half as much as by name.
        return Request(
            self.method, target, path, query_string, headers, self.version, b"", scheme,
            self.host, self.port, peer, {}, None, None, first, self.keep_alive,
        )  # fmt: skip


Known = dict[bytes, Fields]
"""The last heads of one connection, by how they begin: lines that are the same again mean the same
again, and most requests of a client differ from its last in the target alone.
"""

_KEY = 4  # bytes of a head that find what is known: enough to tell methods apart

_MAX_KNOWN = 2
_MAX_KNOWN_SIZE = 2048  # bytes of a head: a larger one is not worth holding until the next request

_NAMES: Final = {
    spelt.encode(): name
    for name in (
        "accept", "accept-encoding", "accept-language", "cache-control", "connection",
        "content-length", "content-type", "cookie", "host", "origin", "pragma", "referer",
        "sec-fetch-site", "sec-websocket-extensions", "sec-websocket-key",
        "sec-websocket-protocol", "sec-websocket-version", "upgrade", "user-agent",
        "x-phoenix-longpoll-token",
    )
    for spelt in (name, name.title(), name.title().replace("Websocket", "WebSocket"))
}  # fmt: skip
"""Most of the names that there are, as they are mostly spelt: decoding costs twice a look-up."""


class _Headers:
    """httptools' callbacks."""

    __slots__ = ("headers",)

    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        known = _NAMES.get(name) or name.decode().lower()
        self.headers.append((known, value.decode("latin-1").strip(" \t")))


def pure_recall(
    data: bytes, options: HTTPOptions, *, scheme: str, peer: Address, known: Known
) -> tuple[Request, Fields, int] | None:
    """Return what a head asks that ``data`` begins with, and how long it is, at one look.

    ``None`` where it is not known but for its target and the length of its body, or might be over a
    limit.
    """
    fields = known.get(data[:_KEY])
    if fields is None or not data.startswith(fields.start):
        return None
    begin = len(fields.start) - 1
    found = data.find(fields.end, begin + 1)
    if found < 0 and fields.length:
        other = _with_other_length(data, fields, options)
        if other is None:
            return None
        known[data[:_KEY]] = fields = other
        found = data.find(fields.end, begin + 1)
    size = found + len(fields.end)
    if (
        found < 0
        or size > options.max_request_line
        or size > options.max_head
        or data[begin:found].translate(None, TARGET_BYTES)
    ):
        return None
    target = data[begin:found].decode("ascii")
    return fields.request(target, scheme, peer, fields.headers, fields.first), fields, size


recall = hot(pure_recall)


def _with_other_length(data: bytes, fields: Fields, options: HTTPOptions) -> Fields | None:
    """Return ``fields`` with the length that ``data`` says, if their heads differ in that alone.

    That, and the target: :func:`pure_recall` looks at it.
    """
    before, line, rest = fields.end.partition(_LENGTH_LINE)
    line_at = data.find(before + line, len(fields.start))
    start = line_at + len(before) + len(line)
    stop = data.find(b"\r\n", start)
    digits = data[start:stop]
    if (
        not line
        or line_at < 0
        or not digits.isdigit()
        or digits.startswith(b"0")
        or len(digits) > _MAX_DIGITS
        or int(digits) > options.max_body
        or len(line) + len(digits) > options.max_header_line
    ):
        return None
    first, headers, length = fields.first, fields.headers, digits.decode("ascii")
    place = headers.index((_LENGTH, first[_LENGTH]))
    # By position, which costs a third of dataclasses.replace.
    return Fields(
        fields.start, before + line + digits + rest[rest.find(b"\r\n") :], fields.method,
        fields.version, (*headers[:place], (_LENGTH, length), *headers[place + 1 :]),
        {**first, _LENGTH: length}, fields.host, fields.port, int(digits), fields.expects_continue,
        fields.keep_alive,
    )  # fmt: skip


def parse_head(
    data: bytes, options: HTTPOptions, *, scheme: str, peer: Address, known: Known
) -> tuple[Request, Fields]:
    """Parse a whole head, empty line included, whose size has been checked; no body is in it yet.

    ``known`` is the connection's own, empty at first: it is to :func:`recall` this head.

    :class:`HTTPError`: 400 for what is malformed or ambiguous, 413 for a body that will be over the
    limit, 417 for an expectation other than ``100-continue``.
    """
    line = REQUEST_LINE.match(data)
    if line is None or line[1] == b"CONNECT":
        _parse_headers(data, options)  # which knows better what is wrong, if anything is
        raise _malformed(data, options, "it names no path of this server")
    fields = _parse_fields(data, line, options, scheme)
    if line[2]:
        host = fields.host, fields.port
        _check_absolute(line[2].decode().lower(), line[3].decode(), scheme, host)
    elif len(data) <= _MAX_KNOWN_SIZE:
        key = data[:_KEY]
        if key not in known and len(known) >= _MAX_KNOWN:
            known.clear()
        known[key] = fields
    target = line[4].decode("ascii")
    return fields.request(target, scheme, peer, fields.headers, fields.first), fields


def _parse_fields(data: bytes, line: re.Match[bytes], options: HTTPOptions, scheme: str) -> Fields:
    headers = _parse_headers(data, options)
    first = dict(reversed(headers))
    method, version = line[1].decode("ascii"), line[5].decode("ascii")
    host, port = _host(headers, first, scheme, version)
    length: int | None = 0
    expects_continue = False
    if not _FRAMING.isdisjoint(first):
        length = _body_length(headers, first, version, options.max_body)
        expects_continue = length != 0 and _expects_continue(first, version)
    usual = version == "1.1" and first.get("connection") in _KEEP_ALIVE
    return Fields(
        data[: line.start(4) + 1], data[line.end(4) :], method, version, headers, first, host, port,
        length, expects_continue, True if usual and len(first) == len(headers) else None,
    )  # fmt: skip


def _parse_headers(data: bytes, options: HTTPOptions) -> Headers:
    collected = _Headers()
    try:
        HttpRequestParser(collected).feed_data(data)
    except HttpParserUpgrade:
        pass  # the body, if any, is ours to frame
    except HttpParserError as error:
        raise _malformed(data, options, str(error)) from None
    return tuple(collected.headers)


def _malformed(data: bytes, options: HTTPOptions, detail: str) -> HTTPError:
    """Return what is wrong with ``data``, by the line where that can be told."""
    try:
        HeadLines(options).check(data, len(data) - len(b"\r\n"))
    except HTTPError as error:
        return error
    return HTTPError(400, f"malformed request: {detail}")


def _host(headers: Headers, first: dict[str, str], scheme: str, version: str) -> tuple[str, int]:
    value = first.get("host")
    if value is None and version == "1.0":
        return "", DEFAULT_PORTS[scheme]
    found = None if value is None else parse_host(value, scheme)
    repeated = len(first) != len(headers) and [name for name, _ in headers].count("host") > 1
    if found is None or repeated:
        got = shown([value for name, value in headers if name == "host"])
        msg = f"the 'host' header must be one host name with an optional port, got {got}"
        raise HTTPError(400, msg)
    return found


def _check_absolute(target_scheme: str, authority: str, scheme: str, host: tuple[str, int]) -> None:
    """RFC 9112 §3.2.2: an absolute target would override the Host header. Here it must agree."""
    named = parse_host(authority, scheme)
    same = named is not None and (named[0].lower(), named[1]) == (host[0].lower(), host[1])
    if target_scheme != scheme or not same:
        got = shown(f"{target_scheme}://{authority}")
        raise HTTPError(400, f"the target must name the 'host' header's server, got {got}")


def _body_length(
    headers: Headers, first: dict[str, str], version: str, max_body: int
) -> int | None:
    codings = [value for name, value in headers if name == "transfer-encoding"]
    if codings:
        if version != "1.1" or [coding.lower() for coding in codings] != ["chunked"]:
            raise HTTPError(
                400,
                "the 'transfer-encoding' header must be 'chunked', in HTTP/1.1,"
                f" got {shown(codings)} in HTTP/{version}",
            )
        return None
    length = first["content-length"]
    if len(length) > _MAX_DIGITS:
        raise HTTPError(400, f"the 'content-length' header must have at most {_MAX_DIGITS} digits")
    if int(length) > max_body:
        raise HTTPError(413, f"the body must be at most {max_body} bytes, got {length}")
    return int(length)


def _expects_continue(first: dict[str, str], version: str) -> bool:
    expectation = first.get("expect")
    if expectation is None or version != "1.1":
        return False
    if expectation.lower() != "100-continue":
        raise HTTPError(
            417, f"the 'expect' header must be '100-continue', got {shown(expectation)}"
        )
    return True
