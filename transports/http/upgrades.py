"""The heads of WebSocket upgrades, which differ from one another in the target and the key alone.

A client's first request is its only one, so what its connection knows (:mod:`transports.http.head`)
is of no use to it. What other clients of the same server have sent is: most are of few kinds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transports.http.lines import TARGET_BYTES
from transports.http.request import Address, Request

if TYPE_CHECKING:
    from transports.http.head import Fields
    from transports.http.options import HTTPOptions

MAX_KNOWN: Final = 64
MAX_KNOWN_SIZE: Final = 1024
"""How many heads are known, and their bytes without the target. The oldest goes for a new one."""

KEY: Final = "sec-websocket-key"

PUBLIC: Final = frozenset(
    {
        "accept", "accept-encoding", "accept-language", "cache-control", "connection", "host",
        "origin", "pragma", KEY, "sec-websocket-extensions", "sec-websocket-version", "upgrade",
        "user-agent",
    }
)  # fmt: skip
"""A head that has others is not kept: they may be secrets of one client. None of them is about a
body."""

_GET = b"GET /"
_VERSION = b" HTTP/1.1\r\n"
_KEY_LINE = b"\r\nSec-WebSocket-Key: "
_KEY_SIZE = 24
_KEY_BYTES = re.compile(rb"[A-Za-z0-9+/]{22}==")


class KnownUpgrades:
    """Those of one server, all under the same limits."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], tuple[Fields, int]] = {}

    def recall(
        self, data: bytes, options: HTTPOptions, *, scheme: str, peer: Address
    ) -> tuple[Request, Fields] | None:
        """Return what ``data`` asks if it is a whole head that is known but for target and key.

        ``None`` where it is not, or might be over a limit.
        """
        line_at = data.find(_KEY_LINE)
        target_end = data.find(_VERSION, len(_GET), line_at + len(_KEY_LINE))
        if line_at < 0 or target_end < 0 or not data.startswith(_GET):
            return None
        key_at = line_at + len(_KEY_LINE)
        key_end = key_at + _KEY_SIZE
        key, target = data[key_at:key_end], data[len(_GET) - 1 : target_end]
        known = self._known.get((scheme, data[target_end:key_at] + data[key_end:]))
        if (
            known is None
            or not _KEY_BYTES.fullmatch(key)
            or target_end + len(_VERSION) > options.max_request_line
            or len(data) > options.max_head
            or target.translate(None, TARGET_BYTES)
        ):
            return None
        fields, place = known
        headers, value = fields.headers, key.decode("ascii")
        headers = (*headers[:place], (KEY, value), *headers[place + 1 :])
        first = {**fields.first, KEY: value}
        return fields.request(target.decode("ascii"), scheme, peer, headers, first), fields

    def learn(self, fields: Fields, scheme: str) -> None:
        """Remember the head of an upgrade that was parsed, unless it is an unusual one."""
        if KEY not in fields.first:
            return
        end, names = fields.end, [name for name, _ in fields.headers]
        line_at = end.find(_KEY_LINE)
        key_at = line_at + len(_KEY_LINE)
        key_end = key_at + _KEY_SIZE
        if (
            fields.start == _GET
            and end.startswith(_VERSION)
            and len(end) <= MAX_KNOWN_SIZE
            and len(names) == len(fields.first)
            and PUBLIC.issuperset(names)
            and line_at >= 0
            and _KEY_BYTES.fullmatch(end[key_at:key_end])
            and end.startswith(b"\r\n", key_end)
        ):
            while len(self._known) >= MAX_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[scheme, end[:key_at] + end[key_end:]] = fields, names.index(KEY)
