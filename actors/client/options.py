"""The options of a client: each has a default, and is checked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypedDict

from actors.options import Options, boolean, bound, maybe, option, positive, seconds

MAX_SECONDS = 86_400.0
"""No time of a client is longer: a day."""


def _time(value: object) -> str | None:
    wanted = positive(value)
    if wanted or value > MAX_SECONDS:  # type: ignore[operator]
        return f"a number above 0, and at most {MAX_SECONDS:g}"
    return None


def _version(value: object) -> str | None:
    ok = isinstance(value, str) and re.fullmatch(r"2\.0\.\d{1,9}", value, re.ASCII)
    return None if ok else "'2.0.0': a client speaks no other version"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions(Options):
    """What ``Client(url, ...)`` takes beside its parameters. Times are seconds, sizes are bytes."""

    vsn: str = option("2.0.0", "version of the protocol", check=_version)
    compress: bool = option(False, "offer permessage-deflate (RFC 7692)", check=boolean)
    timeout: float = seconds(10.0, "for the reply to a join, a push or a leave", check=_time)
    connect_timeout: float = seconds(
        10.0, "for one attempt: name, TCP, TLS and handshake", check=_time
    )
    heartbeat: float | None = seconds(
        30.0, "between heartbeats; None sends none", check=maybe(_time)
    )
    heartbeat_timeout: float = seconds(
        10.0, "for the reply to a heartbeat; then the connection is given up", check=_time
    )
    send_timeout: float = seconds(
        10.0, "in which the server's side takes no byte; then it is given up", check=_time
    )
    close_timeout: float = seconds(5.0, "for the server's Close frame after ours", check=_time)
    reconnect_first: float = seconds(
        0.5, "at most, before the first further attempt; each one after doubles it", check=_time
    )
    reconnect_longest: float = seconds(5.0, "at most, before any attempt", check=_time)
    rejoin_first: float = seconds(
        1.0, "at most, before a channel that failed is joined again; doubles too", check=_time
    )
    rejoin_longest: float = seconds(10.0, "at most, before any such join", check=_time)
    max_message_size: int = bound(
        1_048_576, "of a message that comes, inflated; a larger one is closed with 1009", "bytes"
    )
    max_buffered: int = bound(
        1_000, "that wait for a connection or a join; then push raises BufferFull", "pushes"
    )
    max_buffered_bytes: int = bound(
        1_048_576, "that wait to be sent, by whatever; then push raises BufferFull", "bytes"
    )
    max_unanswered: int = bound(
        10_000, "sent and not answered; then push raises BufferFull", "pushes"
    )
    max_queue: int = bound(
        1_000, "of a channel, or for callbacks, not taken yet; the oldest are dropped", "messages"
    )
    max_queue_bytes: int = bound(4_194_304, "of these; the oldest messages are dropped", "bytes")
    max_presences: int = bound(
        100_000, "of a Presence, in all its keys; what goes beyond is passed over", "metas"
    )


class ClientKeywords(TypedDict, total=False):
    """The same as keywords, for type checkers: a test compares the two."""

    vsn: str
    compress: bool
    timeout: float
    connect_timeout: float
    heartbeat: float | None
    heartbeat_timeout: float
    send_timeout: float
    close_timeout: float
    reconnect_first: float
    reconnect_longest: float
    rejoin_first: float
    rejoin_longest: float
    max_message_size: int
    max_buffered: int
    max_buffered_bytes: int
    max_unanswered: int
    max_queue: int
    max_queue_bytes: int
    max_presences: int
