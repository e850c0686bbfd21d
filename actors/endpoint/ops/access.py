"""Who may look at an ops port, and who may do something there.

There are three rings. Health and metrics are for whoever reaches the port. Views need the token,
deeds the token and ``--ops-deeds``; for both the request must also be none that a page of another
site has a browser send: the ``Host`` must be ours (DNS rebinding), and so must an ``Origin``.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple, Protocol

FAILURES: Final = 10
PERIOD: Final = 60.0
"""So many wrong tokens in so many seconds may come from one address; further wrong ones are 429."""

ADDRESSES: Final = 1024
"""Addresses whose failures are remembered; of more, those whose first is oldest are forgotten."""

LOCAL: Final = frozenset({"localhost", "localhost.localdomain"})

VIEWS_OFF: Final = "views are off: set ROOST_OPS_TOKEN, or give --ops-token-file"
DEEDS_OFF: Final = "deeds are off: serve with --ops-deeds"


class Refusal(NamedTuple):
    """Why not: the status, and words without anything secret in them."""

    status: int
    why: str


class Tokens(Protocol):
    """Knows the token, and compares in constant time."""

    def admit(self, authorization: list[str]) -> bool:
        """Whether the values of ``Authorization`` are one, ``Bearer`` and the token."""


class Asks(NamedTuple):
    """A request: ``host`` without its port, ``site`` as a page of ours would name us as origin."""

    host: str
    site: str
    origins: Sequence[str]
    authorization: list[str]
    address: str


class Attempts:
    """Counts wrong tokens by address."""

    def __init__(self) -> None:
        self._failures: dict[str, tuple[float, int]] = {}

    def failed(self, address: str, now: float) -> bool:
        """Count one more; return whether that is one too many."""
        since, count = self._failures.pop(address, (now, 0))
        if now - since >= PERIOD:
            since, count = now, 0
        while len(self._failures) >= ADDRESSES:
            del self._failures[next(iter(self._failures))]
        self._failures[address] = (since, count + 1)
        return count >= FAILURES


class Access:
    """``hosts``: names by which we may be asked, beside IP addresses and ``localhost``.

    ``tokens=None``: nobody may look. ``deeds``: whether something may be done.
    """

    def __init__(self, tokens: Tokens | None, hosts: Collection[str] = (), *, deeds: bool) -> None:
        self._tokens = tokens
        self._hosts = LOCAL | {host.lower() for host in hosts}
        self._deeds = deeds
        self._attempts = Attempts()

    def judge(self, asks: Asks, now: float, *, deed: bool) -> Refusal | None:
        """Return why a request may not look, or do a ``deed``; ``None`` where it may."""
        return self._misplaced(asks) or self._unknown(asks, now) or self._forbidden(deed=deed)

    def _misplaced(self, asks: Asks) -> Refusal | None:
        if not self._is_ours(asks.host):
            return Refusal(421, "this Host is not ours: give its name by --ops-host")
        if any(origin.lower() != asks.site.lower() for origin in asks.origins):
            return Refusal(403, "the page is of another origin")
        return None

    def _unknown(self, asks: Asks, now: float) -> Refusal | None:
        if self._tokens is None:
            return Refusal(403, VIEWS_OFF)
        if self._tokens.admit(asks.authorization):
            return None
        if self._attempts.failed(asks.address, now):
            return Refusal(429, "too many wrong tokens from this address")
        return Refusal(401, "the token is wanted, behind 'Bearer' in the header Authorization")

    def _forbidden(self, *, deed: bool) -> Refusal | None:
        return Refusal(403, DEEDS_OFF) if deed and not self._deeds else None

    def _is_ours(self, host: str) -> bool:
        return host.lower().rstrip(".") in self._hosts or _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
