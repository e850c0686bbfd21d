"""Which peers are proxies of ours, so that what they say of their clients counts; without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)
from typing import Final

IP = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNIX: Final = "unix"
"""The address of whoever connects by a Unix socket, and what trusts all of those."""

LONGEST: Final = 45
"""Characters of the longest address: an IPv6 one that ends as an IPv4 one (inet_ntop(3))."""


_WRAPPED: Final = IPv6Network("::ffff:0:0/96")


class TrustedProxies:
    """Networks as CIDRs or single addresses, and ``"unix"`` for all peers of Unix sockets.

    ``ValueError`` says which entry is none of these. One that holds every address is refused, and
    so are several that do together: then what counts would be what clients write themselves.
    """

    __slots__ = ("_networks", "_unix")

    def __init__(self, entries: Iterable[str] = ()) -> None:
        given = list(entries)
        self._unix = UNIX in given
        self._networks = [_network(entry) for entry in given if entry != UNIX]
        if _everybody(self._networks):
            raise ValueError(
                f"{', '.join(given)!r:.100} together trust everybody, so clients could say who they"
                " are"
            )

    def __bool__(self) -> bool:
        return self._unix or bool(self._networks)

    def trusts(self, address: str) -> bool:
        """Whether a peer of that address is trusted, as the kernel or a listener names it."""
        if address == UNIX:
            return self._unix
        found = parsed(address.partition("%")[0])  # the zone of a link-local one (RFC 4007 §11)
        return found is not None and self.holds(found)

    def holds(self, address: IP) -> bool:
        """Whether one of the networks has ``address``, which :func:`parsed` returned."""
        return any(address in network for network in self._networks)


def parsed(text: str) -> IP | None:
    """Return an address; an IPv4 one that IPv6 wraps (``::ffff:192.0.2.1``) as itself.

    ``None`` for what is none, and for one with a zone.
    """
    if len(text) > LONGEST or "%" in text:
        return None
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found


def _everybody(networks: Sequence[Network]) -> bool:
    """Whether the networks hold every address of one version, together."""
    old = [each for each in networks if isinstance(each, IPv4Network)]
    new = [each for each in networks if isinstance(each, IPv6Network)]
    whole: list[Network] = [*collapse_addresses(old), *collapse_addresses(new)]
    return any(each.prefixlen == 0 for each in whole)


def _network(entry: str) -> Network:
    try:
        found = ip_network(entry)
    except ValueError:
        raise ValueError(f"{entry!r:.100} is no network such as '10.0.0.0/8'") from None
    found = _unwrapped(found)
    if found.prefixlen == 0:
        raise ValueError(f"{entry!r:.100} trusts everybody, so clients could say who they are")
    return found


def _unwrapped(network: Network) -> Network:
    """Return a network of IPv4 addresses that IPv6 wraps as itself: :func:`parsed` unwraps them."""
    if isinstance(network, IPv4Network) or not network.subnet_of(_WRAPPED):
        return network
    first = int(network.network_address) & 0xFFFF_FFFF
    return IPv4Network((first, network.prefixlen - _WRAPPED.prefixlen))
