"""The options of a long-poll mount."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from actors.options import bound, maybe, one_of, option, positive_int, seconds
from transports.opening.options import TransportOptions, path


@dataclass(frozen=True, slots=True, kw_only=True)
class LongPollOptions(TransportOptions):
    """Phoenix's names and defaults where it has them; the limits are ours."""

    path: str = option("/longpoll", "appended to the path of the mount", check=path)
    window: float = seconds(10.0, "hold a poll so long; a session unpolled for 1.5 windows ends")
    pubsub_timeout: float = seconds(2.0, "wait for the session's worker to answer")
    max_age: float = seconds(1_209_600.0, "accept a token so long after it was made")
    lost_session_status: Literal[500, 410] = option(
        500,
        "status in the body for a session that is gone: 500 makes phoenix.js rejoin, 410 is exact",
        check=one_of(500, 410),
    )
    max_buffer_messages: int = bound(1000, "messages that wait for a poll", "messages")
    max_buffer_bytes: int = bound(1_048_576, "what waits for a poll", "bytes")
    max_batch: int = bound(100, "messages in one POST", "messages")
    max_body: int = bound(2_097_152, "body of one POST", "bytes")
    max_base64: int = bound(
        None, "one base64 line of a batch; None: max_body", "bytes", check=maybe(positive_int)
    )
    max_held_posts: int = bound(
        8,
        "POSTs of a session that wait, unread, while its mailbox is full; more are 503",
        "requests",
    )
    max_sessions: int = bound(
        20_000, "sessions open in each worker, of all mounts, else 503", "sessions"
    )
    max_sessions_per_address: int | None = bound(
        None,
        "sessions of one client address in each worker, of all mounts, else 503; None: 1000 with"
        " forwarded, else no bound, as behind a proxy all come from its address",
        "sessions",
        check=maybe(positive_int),
    )

    def __post_init__(self) -> None:
        # A slotted dataclass is a second class, which super() without arguments does not know.
        TransportOptions.__post_init__(self)
        if self.max_base64 is None:
            object.__setattr__(self, "max_base64", self.max_body)
