"""The head of a request: llhttp's strict parse, and what llhttp lets through.

llhttp (httptools with no leniency) refuses bare CR and LF, folded lines, control characters, white
space before a colon, and a Content-Length that is doubled, signed or beside a Transfer-Encoding.
It accepts, and this module refuses: no Host, two of them, or one that is none; a target that is
not a path of this host; CONNECT; versions other than 1.0 and 1.1; transfer codings other than
chunked, and any in HTTP/1.0.
"""

from __future__ import annotations

from dataclasses import dataclass

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from actors.errors import HTTPError
from transports.http.lines import REQUEST_LINE, HeadLines, shown
from transports.http.options import HTTPOptions
from transports.request import DEFAULT_PORTS, Address, Headers, Request, parse_host

_FRAMING = frozenset({"content-length", "transfer-encoding"})
_MAX_DIGITS = 19  # of a length, judged before int(), whose cost grows with the digits


@dataclass(slots=True)
class Head:
    """A request without its body; ``length`` is the body's, ``None`` where it is chunked."""

    request: Request
    length: int | None
    expects_continue: bool


class _Headers:
    """httptools' callbacks."""

    __slots__ = ("headers",)

    def __init__(self) -> None:
        self.headers: list[tuple[str, str]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode().lower(), value.decode("latin-1").strip(" \t")))


def parse_head(data: bytes, options: HTTPOptions, *, scheme: str, peer: Address) -> Head:
    """Parse a whole head, empty line included, whose size has been checked.

    :class:`HTTPError`: 400 for what is malformed or ambiguous, 413 for a body that will be over
    the limit, 417 for an expectation other than ``100-continue``.
    """
    headers = _parse_headers(data, options)
    first = dict(reversed(headers))
    line = REQUEST_LINE.match(data)
    if line is None or line[1] == b"CONNECT":
        raise _malformed(data, options, "it names no path of this server")
    version = line[5].decode("ascii")
    host, port = _host(headers, first, scheme, version)
    if line[2]:
        _check_absolute(line[2].decode().lower(), line[3].decode(), scheme, (host, port))
    target = line[4].decode("ascii")
    path, _, query_string = target.partition("?")
    request = Request(
        method=line[1].decode("ascii"),
        target=target,
        path=path,
        query_string=query_string,
        headers=headers,
        version=version,
        scheme=scheme,
        host=host,
        port=port,
        peer=peer,
        _first=first,
    )
    if _FRAMING.isdisjoint(first):
        return Head(request, 0, expects_continue=False)
    length = _body_length(request, options.max_body)
    return Head(request, length, length != 0 and _expects_continue(request))


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
    """Answer what is wrong with ``data``, by the line where that can be told."""
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


def _body_length(request: Request, max_body: int) -> int | None:
    codings = request.headers_named("transfer-encoding")
    if codings:
        if request.version != "1.1" or [coding.lower() for coding in codings] != ["chunked"]:
            raise HTTPError(
                400,
                "the 'transfer-encoding' header must be 'chunked', in HTTP/1.1,"
                f" got {shown(codings)} in HTTP/{request.version}",
            )
        return None
    length = request.headers_named("content-length")[0]
    if len(length) > _MAX_DIGITS:
        raise HTTPError(400, f"the 'content-length' header must have at most {_MAX_DIGITS} digits")
    if int(length) > max_body:
        raise HTTPError(413, f"the body must be at most {max_body} bytes, got {length}")
    return int(length)


def _expects_continue(request: Request) -> bool:
    expectation = request.header("expect")
    if expectation is None or request.version != "1.1":
        return False
    if expectation.lower() != "100-continue":
        raise HTTPError(
            417, f"the 'expect' header must be '100-continue', got {shown(expectation)}"
        )
    return True
