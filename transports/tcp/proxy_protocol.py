"""The first bytes of a connection that a proxy opens for a client: the PROXY protocol, without I/O.

The source is haproxy's ``doc/proxy-protocol.txt``, versions 1 (a line of text, §2.1) and 2 (binary,
§2.2). Only the address and the port of the client are of interest here: what else version 2 may
hold (TLVs, §2.2.7) is skipped.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple

from transports.tcp.trust import parsed

MAX_LINE: Final = 107
"""Bytes of the longest line of version 1, CRLF included (§2.1)."""

MAX_SIZE: Final = 2048
"""Bytes of a header of version 2 with all that it holds; the format would allow 65,551."""

MAX_PORT: Final = 65535

SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"
"""How version 2 begins (§2.2)."""

_LINE: Final = b"PROXY "
_FIXED: Final = 16  # bytes up to the addresses of version 2
_LOCAL, _PROXY = 0x20, 0x21
_UNSPEC, _STREAM = 0, 1
_INET, _INET6, _UNIX = 1, 2, 3
_SIZES: Final = {_UNSPEC: 0, _INET: 12, _INET6: 36, _UNIX: 216}
"""Bytes of the addresses of each family: two of them, and two ports where it has any."""

_PORT = r"(0|[1-9][0-9]{0,4})"
_TCP = re.compile(rf"PROXY TCP([46]) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) {_PORT} {_PORT}")


class Preface(NamedTuple):
    """What stands before the client's own bytes: ``size`` bytes.

    ``client`` is (address, port); ``None``: the connection is the proxy's own, as for the check of
    a server's health, or the client has no address. The peer is what it was then.
    """

    size: int
    client: tuple[str, int] | None


def parse(data: bytes) -> Preface | None:
    """Return the preface that ``data`` begins with, ``None`` while it is not all there.

    ``ValueError`` says in a few words, without what was sent, that there will be none.
    """
    if _begins(data, SIGNATURE):
        return _binary(data)
    if _begins(data, _LINE):
        return _text(data)
    raise ValueError("it does not begin with the PROXY protocol")


def _begins(data: bytes, with_: bytes) -> bool:
    return data[: len(with_)] == with_[: len(data)]


def _text(data: bytes) -> Preface | None:
    end = data.find(b"\r\n", 0, MAX_LINE)
    if end < 0:
        if len(data) >= MAX_LINE:
            raise ValueError(f"its line has over {MAX_LINE} bytes")
        return None
    line, size = data[:end], end + 2
    if line == b"PROXY UNKNOWN" or line.startswith(b"PROXY UNKNOWN "):
        return Preface(size, None)
    found = _TCP.fullmatch(line.decode("latin-1"))
    if found is None:
        raise ValueError("its line is malformed")
    family, source, destination, port, other = found.groups()
    kind = IPv4Address if family == "4" else IPv6Address
    try:
        kind(source), kind(destination)
    except ValueError:
        raise ValueError("its line has no such address") from None
    if int(port) > MAX_PORT or int(other) > MAX_PORT:
        raise ValueError("its line has no such port")
    return Preface(size, (_written(source), int(port)))


def _binary(data: bytes) -> Preface | None:
    if len(data) < _FIXED:
        return None
    size = _FIXED + int.from_bytes(data[14:16], "big")
    if size > MAX_SIZE:
        raise ValueError(f"it has over {MAX_SIZE} bytes")
    if data[12] not in (_LOCAL, _PROXY):
        raise ValueError("its version or command is unknown")
    if len(data) < size:
        return None
    if data[12] == _LOCAL:
        return Preface(size, None)
    family, transport = data[13] >> 4, data[13] & 15
    if family not in _SIZES or transport not in (_UNSPEC, _STREAM):
        raise ValueError("its family is unknown")
    if size < _FIXED + _SIZES[family]:
        raise ValueError("its addresses are cut")
    if transport == _UNSPEC or family in (_UNSPEC, _UNIX):
        return Preface(size, None)
    length = 4 if family == _INET else 16
    source, at = data[_FIXED : _FIXED + length], _FIXED + 2 * length
    address = IPv4Address(source) if family == _INET else IPv6Address(source)
    return Preface(size, (_written(str(address)), int.from_bytes(data[at : at + 2], "big")))


def _written(address: str) -> str:
    """Return an address as all of ours are written; an IPv4 one inside IPv6 as itself."""
    return str(parsed(address))
