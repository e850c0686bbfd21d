"""What ``Endpoint(...)`` and ``socket(...)`` take, for type checkers and editors.

Made of the option classes by ``make docs``: change those. Nothing imports this at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypedDict

from actors.redis_options import RedisOptions
from transports.http.options import HTTPOptions
from transports.http.request import Request
from transports.http.response import Response
from transports.opening.origin import Setting


class EndpointKeywords(TypedDict, total=False):
    """The keywords of ``Endpoint(...)``."""

    url_host: str | None
    """The name that pages of ours are served under."""
    check_origin: Setting
    """Which pages may connect, see transports.opening.origin."""
    code_reloader: bool
    """Reload changed code."""
    secret_key_base: str | list[str] | tuple[str, ...]
    """What tokens are signed with: a secret, or several, newest first."""
    clock_skew: float
    """A token signed so far ahead of this clock is valid (seconds)."""
    http: HTTPOptions
    """Limits of HTTP."""
    max_connections: int | None
    """Streams open at once in each worker, over all its addresses, else 503 (connections)."""
    max_connections_per_address: int | None
    """Streams open at once from one client address in each worker, else 503 (connections)."""
    max_metric_series: int
    """Of an application's own metrics in one process, more are dropped and counted (series)."""
    trusted_proxies: Sequence[str]
    """Proxies in front, as networks (CIDR), and 'unix' for all peers of Unix sockets."""
    forwarded: Literal["x-forwarded", "proxy-protocol"] | None
    """How those say who their clients are; of anybody else it is not believed."""
    forwarded_host: bool
    """Believe X-Forwarded-Host and -Port as well, of proxies that write both themselves."""
    fallback: Callable[..., Any] | None
    """A WSGI application for what no mount takes, else 404."""
    health: str | None
    """A path that answers 200 while this process serves, and 503 from the start of its stop on."""
    children: Sequence[Any]
    """Children of the endpoint's own tree, started before the sockets."""
    watchers: Sequence[Any]
    """The same, started when clients are let in and stopped first."""
    drain_order: Literal["stop_accepting", "phoenix"]
    """Stop accepting before the drain, or as Phoenix after it."""
    server_shutdown: float | None
    """For connections that no drainer ended; None: 0.3 of grace (seconds)."""
    last_poll: float
    """For a last poll of a drained long-poll session (seconds)."""
    redis: RedisOptions | str | Mapping[str, Any] | None
    """The Redis that links several machines: RedisOptions(...), or its URL."""
    filter_parameters: Sequence[str] | Mapping[str, Sequence[str]]
    """What names of secrets contain, whose values no log shows: further words for the default ones,
    {'only': words} for these alone, or {'keep': names}: parameters of all other names."""
    grace: float
    """Seconds that a shutdown may take (seconds)."""


class SharedKeywords(TypedDict, total=False):
    """What any transport of a mount takes."""

    serializer: Sequence[tuple[Any, str]] | None
    """Which versions channels speak: pairs of a serializer and its requirement."""
    transport_log: Literal[False, "debug", "info", "warning", "error"]
    """Level at which each opening request is logged."""
    check_origin: Setting | None
    """Which pages may connect, see transports.opening.origin."""
    require_origin: bool
    """Refuse requests without an Origin."""
    allowed_hosts: Sequence[str] | None
    """Names in the Host header that are ours."""
    check_csrf: bool
    """Hand the session over only with a CSRF token."""
    code_reloader: bool | None
    """Reload changed code before each opening request."""
    connect_info: Sequence[str | tuple[str, object]]
    """What connect learns, see transports.opening.connect_info."""
    auth_token: bool
    """Take the authToken of phoenix.js 1.8."""


class WebSocketMapping(SharedKeywords, total=False):
    """``socket(..., websocket={...})``."""

    path: str
    """Appended to the path of the mount."""
    error_handler: Callable[[Request, Any], Response] | None
    """(request, reason) -> response to Error(reason) of connect."""
    subprotocols: Sequence[str] | None
    """In order of preference."""
    compress: bool
    """Negotiate permessage-deflate (RFC 7692)."""
    timeout: float | None
    """Close after so long without a byte from the client (seconds)."""
    ping_interval: float | None
    """Send a ping this often; None: never (seconds)."""
    send_timeout: float
    """Drop a client that reads nothing for so long (seconds)."""
    close_timeout: float
    """Wait for the client's Close frame (seconds)."""
    message_timeout: float | None
    """From a message's first byte to its last, else 1008 (seconds)."""
    max_read_rate: float | None
    """Messages read in a second; beyond, reading pauses; after 30 s of that 1008
    (messages/second)."""
    max_frame_size: int
    """Payload of one frame (bytes)."""
    max_message_size: int
    """Payload of one message, inflated (bytes)."""
    max_fragments: int
    """Frames of one message (frames)."""
    max_empty_fragments: int
    """Empty frames of one message (frames)."""
    max_control_rate: int
    """Pings, pongs and closes from the client (frames/second)."""
    max_inflate_ratio: int
    """Inflated size of a message to its size on the wire (ratio)."""
    max_send_queue: int
    """What waits for a client that reads slowly (bytes)."""


class LongPollMapping(SharedKeywords, total=False):
    """``socket(..., longpoll={...})``."""

    path: str
    """Appended to the path of the mount."""
    window: float
    """Hold a poll so long; a session unpolled for 1.5 windows ends (seconds)."""
    pubsub_timeout: float
    """Wait for the session's worker to answer (seconds)."""
    max_age: float
    """Accept a token so long after it was made (seconds)."""
    lost_session_status: Literal[500, 410]
    """Status in the body for a session that is gone: 500 makes phoenix.js rejoin, 410 is exact."""
    max_buffer_messages: int
    """Messages that wait for a poll (messages)."""
    max_buffer_bytes: int
    """What waits for a poll (bytes)."""
    max_batch: int
    """Messages in one POST (messages)."""
    max_body: int
    """Body of one POST (bytes)."""
    max_base64: int
    """One base64 line of a batch; None: max_body (bytes)."""
    max_held_posts: int
    """POSTs of a session that wait, unread, while its mailbox is full; more are 503 (requests)."""
    max_sessions: int
    """Sessions open in each worker, of all mounts, else 503 (sessions)."""
    max_sessions_per_address: int | None
    """Sessions of one client address in each worker, of all mounts, else 503; None: 1000 with
    forwarded, else no bound, as behind a proxy all come from its address (sessions)."""


class DrainMapping(TypedDict, total=False):
    """``socket(..., drainer={...})``."""

    batch_size: int
    """Told to leave at a time (connections)."""
    batch_interval: float
    """Between two batches of a drain (seconds)."""
    shutdown: float | None
    """For a drain, then who is left is ended; None: half of grace (seconds)."""
