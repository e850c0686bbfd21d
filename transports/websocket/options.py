"""The options of a WebSocket mount."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from actors.options import boolean, bound, maybe, option, positive, seconds
from transports.http.grammar import TOKEN
from transports.http.request import Request
from transports.http.response import Response
from transports.opening.options import TransportOptions, function, path


def _subprotocols(value: Any) -> str | None:
    # As in Phoenix, what is no list is not refused here: it refuses each client that offers one.
    if not isinstance(value, list | tuple):
        return None
    ok = all(isinstance(name, str) and TOKEN.fullmatch(name) for name in value)
    return None if ok else "a list of tokens such as ['v2.chat']"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketOptions(TransportOptions):
    """Phoenix's names and defaults where it has them; the limits are ours."""

    path: str = option("/websocket", "appended to the path of the mount", check=path)
    error_handler: Callable[[Request, Any], Response] | None = option(
        None, "(request, reason) -> response to Error(reason) of connect", check=maybe(function)
    )
    subprotocols: Sequence[str] | None = option(None, "in order of preference", check=_subprotocols)
    compress: bool = option(False, "negotiate permessage-deflate (RFC 7692)", check=boolean)
    timeout: float | None = seconds(
        60.0, "close after so long without a byte from the client", check=maybe(positive)
    )
    ping_interval: float | None = seconds(
        None, "send a ping this often; None: never", check=maybe(positive)
    )
    send_timeout: float = seconds(10.0, "drop a client that reads nothing for so long")
    close_timeout: float = seconds(5.0, "wait for the client's Close frame")
    message_timeout: float | None = seconds(
        60.0, "from a message's first byte to its last, else 1008", check=maybe(positive)
    )
    max_read_rate: float | None = bound(
        None,
        "messages read in a second; beyond, reading pauses; after 30 s of that 1008",
        "messages/second",
        check=maybe(positive),
    )
    max_frame_size: int = bound(1_048_576, "payload of one frame", "bytes")
    max_message_size: int = bound(1_048_576, "payload of one message, inflated", "bytes")
    max_fragments: int = bound(1024, "frames of one message", "frames")
    max_empty_fragments: int = bound(16, "empty frames of one message", "frames")
    max_control_rate: int = bound(100, "pings, pongs and closes from the client", "frames/second")
    max_inflate_ratio: int = bound(
        25, "inflated size of a message to its size on the wire", "ratio"
    )
    max_send_queue: int = bound(1_048_576, "what waits for a client that reads slowly", "bytes")
