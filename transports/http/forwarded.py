"""Who a request is from, by the ``X-Forwarded`` headers of a trusted proxy; without I/O.

Every proxy on the way appends the address of its own peer to ``X-Forwarded-For``, so the list reads
from the client on the left to the last proxy but one on the right. What stands left of the first
address that is no proxy of ours was written by that client, and is not looked at: the walk goes
from the right, and ends there.

``ip:port`` (Azure) and ``[v6]:port`` are understood. ``unknown`` and names such as ``_hidden``
(RFC 7239 §6.2, §6.3) say nothing: then the last trusted hop counts as the client.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple, NoReturn

from actors.errors import ForwardedError
from transports.http.lines import shown
from transports.http.request import DEFAULT_PORTS, MAX_PORT, Address, Request, parse_host
from transports.tcp.trust import IP, TrustedProxies, parsed

MAX_HOPS: Final = 32
"""Proxies of ours that one request may have come through; with more it is 400."""

FOR: Final = "x-forwarded-for"
PROTO: Final = "x-forwarded-proto"
HOST: Final = "x-forwarded-host"
PORT: Final = "x-forwarded-port"

SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
"""What ``X-Forwarded-Proto`` says; Traefik names WebSockets by the schemes of their own."""

LONGEST: Final = 64
"""Characters of an element that is looked at; an address with its port has 53 at most."""

_NODE = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<v4>[0-9.]+))(?::(?P<port>[0-9]{1,5}))?"
    r"|(?P<bare>[0-9A-Fa-f:.]+)"
)
_NAMELESS = re.compile(r"(?:unknown|_[A-Za-z0-9._-]+)(?::[0-9]{1,5})?", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,5}")


class Hop(NamedTuple):
    """One element of ``X-Forwarded-For``: ``peer`` is (address, port), port 0 where it has none."""

    ip: IP
    peer: Address


class XForwarded:
    """What is believed of the requests that a proxy among ``trusted`` sends.

    ``host``: ``X-Forwarded-Host`` and ``X-Forwarded-Port`` too. Only where the proxy writes both
    itself: one that passes on what clients send would let any page name the host that it likes.
    """

    __slots__ = ("_host", "_trusted")

    def __init__(self, trusted: TrustedProxies, *, host: bool = False) -> None:
        self._trusted = trusted
        self._host = host

    def apply(self, request: Request) -> None:
        """Have ``request``, which a trusted peer sent, be as its client made it.

        That are its ``peer`` and ``scheme``, and its ``host`` and ``port``. A header that is absent
        or empty changes nothing. :class:`ForwardedError`, which is a 400, for a value
        that is none.
        """
        first = request.first_values
        hops = 0
        if FOR in first:
            request.peer, hops = self._client(request)
        scheme = self._said(request, PROTO, hops) if PROTO in first else None
        host = self._said(request, HOST, hops) if self._host and HOST in first else None
        port = self._said(request, PORT, hops) if self._host and PORT in first else None
        if scheme is not None:
            known = SCHEMES.get(scheme.lower())
            if known is None:
                _refuse(PROTO, "be http or https", scheme)
            request.scheme = known
        if scheme is not None or host is not None:
            request.host, request.port = _host(request, host)
        if port is not None:
            request.port = _port(port)

    def _client(self, request: Request) -> tuple[Address, int]:
        """Return the client's address, and how many trusted hops are right of it."""
        client, hops = request.peer, 0
        for element in reversed(_elements(request, FOR)):
            hop = _hop(element)
            if hop is None:
                break
            if hops == MAX_HOPS:
                _refuse(FOR, f"hold at most {MAX_HOPS} proxies", element)
            client = hop.peer
            if not self._trusted.holds(hop.ip):
                break
            hops += 1
        return client, hops

    def _said(self, request: Request, name: str, hops: int) -> str | None:
        """Return what the proxy next to the client says; ``None``: nothing.

        A list has an element of each proxy, and a single value is that of whoever set it.
        """
        elements = _elements(request, name)
        return elements[-1 - min(hops, len(elements) - 1)] if elements else None


def _elements(request: Request, name: str) -> list[str]:
    """Return the elements of all lines of a header in their order (RFC 9110 §5.3, §5.6.1)."""
    parts = ",".join(request.headers_named(name)).split(",")
    return [element for part in parts if (element := part.strip(" \t"))]


def _hop(element: str) -> Hop | None:
    """Return the address that an element is, ``None`` for one that hides it."""
    if len(element) <= LONGEST and _NAMELESS.fullmatch(element):
        return None
    found = _address(element) if len(element) <= LONGEST else None
    if found is None:
        _refuse(FOR, "hold addresses", element)
    return found


@lru_cache(maxsize=1024)
def _address(element: str) -> Hop | None:
    """Return the address that ``element`` is. Those of a client's many polls are the same."""
    found = _NODE.fullmatch(element)
    if found is None:
        return None
    ip = parsed(found["v6"] or found["v4"] or found["bare"])
    port = int(found["port"] or 0)
    if ip is None or port > MAX_PORT or (found["v6"] and ":" not in found["v6"]):
        return None
    return Hop(ip, (str(ip), port))


def _host(request: Request, said: str | None) -> Address:
    """Return host and port; a Host header that names no port means that of the scheme."""
    value = request.first_values.get("host") if said is None else said
    if value is None:  # HTTP/1.0
        return "", DEFAULT_PORTS[request.scheme]
    found = parse_host(value, request.scheme)
    if found is None:
        _refuse(HOST, "be one host name with an optional port", value)
    return found


def _port(said: str) -> int:
    if not _DIGITS.fullmatch(said) or not 0 < int(said) <= MAX_PORT:
        _refuse(PORT, "be a port", said)
    return int(said)


def _refuse(name: str, wanted: str, got: str) -> NoReturn:
    raise ForwardedError(name, f"the {name!r} header must {wanted}, got {shown(got)}")
