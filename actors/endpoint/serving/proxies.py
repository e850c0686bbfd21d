"""The proxies in front of an endpoint: which are trusted, and how they name their clients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from actors.errors import ConfigError
from transports.http.forwarded import XForwarded
from transports.http.handling import Proxied
from transports.tcp.trust import TrustedProxies

if TYPE_CHECKING:
    from actors.endpoint.mounts import Mounts
    from actors.endpoint.options import EndpointOptions
    from transports.http.request import Address
    from transports.tcp.stream import Stream


def use(
    endpoint: Mounts,
    trusted: Sequence[str] | None,
    forwarded: Literal["x-forwarded", "proxy-protocol"] | None,
) -> None:
    """Have ``endpoint`` go by what the command was given; ``None`` leaves its own option."""
    if trusted is not None:
        endpoint.options = replace(endpoint.options, trusted_proxies=trusted)
    if forwarded is not None:
        endpoint.options = replace(endpoint.options, forwarded=forwarded)


class Proxies(NamedTuple):
    """Those that are ``trusted``. ``forwarded`` reads their headers where that is the mode.

    ``by_preface``: they speak the PROXY protocol.
    """

    trusted: TrustedProxies
    forwarded: XForwarded | None
    by_preface: bool

    @classmethod
    def of(cls, options: EndpointOptions) -> Self:
        """Return what the options say; :class:`ConfigError` where one needs another."""
        trusted, mode = TrustedProxies(options.trusted_proxies), options.forwarded
        if bool(trusted) is not (mode is not None):
            raise ConfigError(
                "trusted_proxies and forwarded belong together: who is trusted, and how those say"
                " who their clients are"
            )
        if options.forwarded_host and mode != "x-forwarded":
            raise ConfigError("forwarded_host=True is for forwarded='x-forwarded'")
        reads = mode == "x-forwarded"
        forwarded = XForwarded(trusted, host=options.forwarded_host) if reads else None
        return cls(trusted, forwarded, mode == "proxy-protocol")

    def proxied(
        self, stream: Stream, readdress: Callable[[Stream, Address], bool]
    ) -> Proxied | None:
        """Return what a connection over ``stream`` has, if a trusted proxy has opened it."""
        if self.forwarded is None or not self.trusted.trusts(stream.peer[0]):
            return None
        return Proxied(self.forwarded, readdress)
