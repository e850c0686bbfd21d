"""URIs as ``check_origin`` and ``connect_info`` show them."""

from __future__ import annotations

import re
from dataclasses import dataclass

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

_URI = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?")
_AUTHORITY = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%-]*)(?::([0-9]{1,5}))?")


@dataclass(frozen=True, slots=True)
class URI:
    """A parsed URI; what is absent is ``None``.

    ``scheme`` is in lower case, ``host`` is as it was written (an IPv6 address keeps its brackets),
    ``port`` is the scheme's default where none was written.
    """

    scheme: str | None = None
    host: str | None = None
    port: int | None = None
    path: str = ""
    query: str | None = None


def parse(text: str) -> URI:
    """Parse ``text`` (RFC 3986, appendix B); it never fails.

    An authority that is more than a host and a port (a user name, an empty or impossible port,
    characters that no host has) leaves ``host`` and ``port`` ``None``: nothing may match it.
    """
    found = _URI.fullmatch(text)
    if found is None:
        return URI()
    scheme, authority, path, query = found.groups()
    scheme = scheme.lower() if scheme else None
    host, port = _host_and_port(authority, scheme)
    return URI(scheme, host, port, path, query)


def _host_and_port(authority: str | None, scheme: str | None) -> tuple[str | None, int | None]:
    found = _AUTHORITY.fullmatch(authority or "")
    if authority is None or found is None:
        return None, None
    host, port = found.groups()
    if port is None:
        return host, DEFAULT_PORTS.get(scheme or "")
    return (host, int(port)) if int(port) <= 65535 else (None, None)
