"""An HTTP request as every transport sees it, whichever server parsed it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from transports.http.query import parse_query

Address = tuple[str, int]
Headers = tuple[tuple[str, str], ...]

DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_PORT = 65535

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+)(?::([0-9]{1,5}))?")


@dataclass(slots=True, repr=False, eq=False)
class Request:
    """One request, its body read.

    ``target`` is what the request line named; ``path`` and ``query_string`` are its parts, neither
    percent-decoded. ``headers`` are in the order of the wire, names in lower case, values Latin-1
    without white space around them. ``host`` and ``port`` are those of the Host header (HTTP/1.0
    may lack it: ``""`` and the scheme's port). ``scheme`` and ``peer`` come from the transport, or
    from a trusted proxy (:mod:`.forwarded`), never from the client. ``path_params`` are the
    variables of the route, set by the router's caller. ``share`` is what a long-poll POST was
    admitted with. ``began`` (the loop's clock) and ``route`` are set while somebody listens to
    ``http.request`` (:mod:`.told`).
    """

    method: str
    target: str
    path: str
    query_string: str
    headers: Headers
    version: str = "1.1"
    body: bytes = b""
    scheme: str = "http"
    host: str = ""
    port: int = 80
    peer: Address = ("", 0)
    path_params: dict[str, str] = field(default_factory=dict)
    share: Any = None
    _params: dict[str, Any] | None = None
    _first: dict[str, str] | None = None
    _keep_alive: bool | None = None
    began: float = 0.0
    route: str | None = None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"  # query and headers may hold secrets

    def header(self, name: str) -> str | None:
        """Return the first value of ``name`` (in lower case), or ``None``."""
        if self._first is None:
            self._first = dict(reversed(self.headers))
        return self._first.get(name)

    @property
    def first_values(self) -> dict[str, str]:
        """The first value of each header, by name in lower case; for reading alone."""
        if self._first is None:
            self._first = dict(reversed(self.headers))
        return self._first

    def headers_named(self, name: str) -> list[str]:
        """Return all values of ``name`` (in lower case), first one first."""
        return [value for header, value in self.headers if header == name]

    @property
    def params(self) -> dict[str, Any]:
        """The query's parameters, parsed at the first call (:func:`.query.parse_query`).

        :class:`~actors.errors.HTTPError` 400 for a query that cannot be parsed.
        """
        if self._params is None:
            self._params = parse_query(self.query_string)
        return self._params

    @property
    def keep_alive(self) -> bool:
        """Whether the client lets the connection live on (RFC 9112 §9.3; never for HTTP/1.0)."""
        if self._keep_alive is None:
            tokens = ",".join(self.headers_named("connection")).lower().split(",")
            closes = "close" in [token.strip(" \t") for token in tokens]
            self._keep_alive = self.version == "1.1" and not closes
        return self._keep_alive


@lru_cache(maxsize=64)
def parse_host(value: str, scheme: str) -> tuple[str, int] | None:
    """Split a Host header into host and port (the scheme's where there is none), as written.

    ``None``: it is not a host name, an IPv4 address or a bracketed IPv6 one, with an optional port
    of at most 65535 (RFC 9110 §7.2; user names and empty ports are refused).
    """
    found = _HOST.fullmatch(value)
    if found is None:
        return None
    host, port = found.groups()
    if port is None:
        return host, DEFAULT_PORTS[scheme]
    return (host, int(port)) if int(port) <= MAX_PORT else None
